import { PageDevice } from "../gateways/websocket/page-client.ts";
import { type Answer, type NodeProcess, type RunOptions, startNode } from "./herald.ts";

type Body = Readonly<Record<string, unknown>>;

/** A node in a process of its own, and devices on bare sockets that log in to it. */
export class PageNode {
  readonly process: NodeProcess;
  readonly port: number;
  readonly #admin: string;

  private constructor(process: NodeProcess, admin: string) {
    this.process = process;
    this.port = Number(new URL(process.url).port);
    this.#admin = admin;
  }

  /** Starts one; `admin` is of an earlier start on the same folder. */
  static async start(options: RunOptions = {}, admin?: string): Promise<PageNode> {
    const process = await startNode([], options);
    return new PageNode(process, admin ?? process.places.adminToken!);
  }

  /** Starts another one on the data of this one, which has ended. */
  again(options: RunOptions): Promise<PageNode> {
    return PageNode.start(options, this.#admin);
  }

  /** Calls the admin API, whatever it answers. */
  call(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.process.call(method, path, this.#admin, body);
  }

  /** Calls the admin API, which has to do it. */
  async ask(method: string, path: string, body?: unknown): Promise<Body> {
    const { status, text, body: answer } = await this.call(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return answer as Body;
  }

  /** A credential of a user, good for ten minutes unless `more` says otherwise. */
  async credential(user: string, more: Body = {}): Promise<string> {
    const wanted = { kind: "device", user, ttlMs: 600_000, ...more };
    return (await this.ask("POST", "/v1/tokens", wanted))["token"] as string;
  }

  async boardCredential(board: string): Promise<string> {
    const wanted = { kind: "board", board, ttlMs: 600_000 };
    return (await this.ask("POST", "/v1/tokens", wanted))["token"] as string;
  }

  /** A device that is not connected yet. */
  device(credential: string, name = "phone"): PageDevice {
    return new PageDevice({ port: this.port, credential, device: name });
  }

  async login(credential: string, name?: string): Promise<PageDevice> {
    const device = this.device(credential, name);
    await device.connect();
    return device;
  }

  async push(user: string, n: number): Promise<void> {
    const push = { to: [`user:${user}`], topic: "news", payload: { n } };
    await this.ask("POST", "/v1/push", push);
  }

  /** A figure of `/metrics`; undefined where there is none of that name. */
  async figure(name: string): Promise<number | undefined> {
    const { text } = await this.process.call("GET", "/metrics");
    const line = text.split("\n").find((it) => it.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }
}
