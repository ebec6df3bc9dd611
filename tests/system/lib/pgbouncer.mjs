// A PgBouncer of a test's own, in transaction mode.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { database, Server, urlOf } from "./host.mjs";
import { freePort, until } from "./program.mjs";

// Of a server; a statement goes to the session that was idle longest.
class PgBouncer {
  async start(server) {
    const dir = path.join(server.parent, "pgbouncer");
    const port = await freePort();
    const { uid, gid } = statSync(path.join(server.dir, "data"));
    mkdirSync(dir);
    chmodSync(dir, 0o755);
    writeFileSync(path.join(dir, "users.txt"), `"moonpost" ""\n`);
    writeFileSync(path.join(dir, "pgbouncer.ini"), `[databases]
* = host=${server.dir}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${dir}/users.txt
pool_mode = transaction
min_pool_size = 4
server_round_robin = 1
`);
    const unprivileged = process.getuid() === 0 ? ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"] : [];
    const [command, ...args] = [...unprivileged, "/usr/sbin/pgbouncer", path.join(dir, "pgbouncer.ini")];
    this.said = "";
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const out of [this.child.stdout, this.child.stderr]) out.on("data", (d) => { this.said += d; });
    this.ended = once(this.child, "close");
    this.base = `postgresql://moonpost@127.0.0.1:${port}/postgres?sslmode=disable`;
    await until("PgBouncer is up", () => {
      assert.equal(this.child.exitCode, null, this.said);
      return /process up/.test(this.said);
    });
  }

  async stop() {
    this.child?.kill("SIGKILL");
    await this.ended;
  }
}

// For the tests of a describe(): a server with a PgBouncer in front of it. Gives a
// function that makes a database: { url: through the pooler, direct, query: past it }.
export function pooled() {
  const server = new Server();
  const pooler = new PgBouncer();
  const ends = [];

  before(async () => {
    server.start();
    await pooler.start(server);
  });
  after(async () => {
    try {
      for (const end of ends) await end();
      await pooler.stop();
    } finally {
      server.remove();
    }
  });
  return async () => {
    const db = await database({ after: (f) => ends.push(f) }, server.url);
    return { ...db, direct: db.url, url: urlOf(db.name, { base: pooler.base }) };
  };
}
