/** What Herald uses of http_ece, which has no types of its own. */
declare module "http_ece" {
  import type { ECDH } from "node:crypto";

  interface Parameters {
    readonly version: "aes128gcm";
    readonly privateKey: ECDH;
    /** The receiver's public key. */
    readonly dh: Uint8Array;
    readonly authSecret: Uint8Array;
    readonly salt: Uint8Array;
    /** Record size, in bytes. */
    readonly rs: number;
  }

  const ece: { encrypt(content: Uint8Array, parameters: Parameters): Buffer };
  export default ece;
}
