/** A frame of docs/protocol.md. */
export type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface WireEvents {
  /** It may be written to; `hello` comes first. */
  readonly onOpen: () => void;
  readonly onFrame: (frame: Frame) => void;
  /** Once, with the server's close code; undefined: there was none. */
  readonly onClose: (code: number | undefined) => void;
}

/** A device's end of one connection, whatever carries the frames. */
export interface Wire {
  send(frame: object): void;
  /** Ends it without a word, as a lost network does. */
  drop(): void;
  /** Ends the session, too. */
  sayGoodBye(): void;
}

export type OpenWire = (events: WireEvents) => Wire;
