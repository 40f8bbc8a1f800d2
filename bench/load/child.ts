import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process that answers one question at a time: a server under test, or the load. */
export interface Child {
  readonly pid: number;
  ask<Answer>(question: object): Promise<Answer>;
  stop(): Promise<void>;
}

/** What a child process is: how it answers each question. */
export type Answers = Readonly<Record<string, (question: never) => unknown>>;

/** Starts a file of this folder's neighbors as a process and waits until it answers. */
export async function startChild(file: URL): Promise<Child> {
  const child = fork(fileURLToPath(file), {
    execArgv: ["--disable-warning=ExperimentalWarning", "--expose-gc"],
    // As it is: numbers in typed arrays and big integers arrive as what they are.
    serialization: "advanced",
  });
  const ask = <Answer>(question: object): Promise<Answer> => askChild<Answer>(child, question);
  await ask({ type: "hello" });
  return {
    pid: child.pid!,
    ask,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Called by the child's own file: answers questions until the parent goes away. */
export function answerParent(answers: Answers): void {
  process.on("disconnect", () => process.exit());
  process.on("message", async (question: { readonly type: string }) => {
    try {
      const answer =
        question.type === "hello" ? {} : await answers[question.type]!(question as never);
      process.send!({ answer });
    } catch (error) {
      process.send!({ error: error instanceof Error ? error.stack : String(error) });
    }
  });
}

function askChild<Answer>(child: ChildProcess, question: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error(`${child.spawnfile} ended before it answered`));
    child.once("exit", ended);
    child.once("message", ({ answer, error }: { answer: Answer; error?: string }) => {
      child.off("exit", ended);
      if (error === undefined) resolve(answer);
      else reject(new Error(error));
    });
    child.send(question);
  });
}
