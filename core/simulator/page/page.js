// The simulator's page: chat with a bot as any of a few people. See
// docs/simulator.md for what it speaks with; store.js for what it knows.
import { $, copy } from "./dom.js";
import { startChat } from "./chat.js";
import { startComposer } from "./composer.js";
import { startDialogs } from "./dialogs.js";
import { startEvents } from "./events.js";
import { startNotices } from "./notices.js";
import { startRaw } from "./raw.js";
import { startSidebar } from "./sidebar.js";
import { on, settleView, view } from "./store.js";

on("raw-toggle", () => {
  view.raw = !view.raw;
  settleView();
});
$("skip").addEventListener("click", () => $("input").focus());
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy($(button.dataset.copy).textContent, button));
}

startSidebar();
startChat();
startComposer();
startDialogs();
startNotices();
startRaw();
startEvents();
