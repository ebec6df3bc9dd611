// What servers that stand for the Bot API have in common: take(req, res) answers.
import { once } from "node:events";
import http from "node:http";

export class BotServer {
  agent = new http.Agent({ keepAlive: true }); // to send to webhooks

  async start() {
    this.server = http.createServer((req, res) => this.take(req, res)).listen(0, "127.0.0.1");
    this.server.keepAliveTimeout = 60000;
    await once(this.server, "listening");
    this.base = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.stopped = true;
    this.agent.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
