/**
 * A port's methods without the promises: how an adapter writes what it does in one step.
 *
 * The SQLite adapter runs it in its thread, the memory adapter on the spot.
 */
export type Synchronous<Port> = {
  readonly [Name in keyof Port]: Port[Name] extends (...args: infer Args) => Promise<infer Value>
    ? (...args: Args) => Value
    : never;
};
