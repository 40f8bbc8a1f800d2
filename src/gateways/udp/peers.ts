/** Where a device is on the Internet, as seen from here. */
export interface PeerAddress {
  readonly device: string;
  readonly address: string;
  readonly port: number;
  /** Since when, in milliseconds since the epoch. */
  readonly since: number;
}

interface Known extends PeerAddress {
  readonly udpSession: string;
}

/** The addresses of the devices that are here over UDP, by principal. Shared by their sessions. */
export class Peers {
  readonly #principals = new Map<string, Known[]>();

  /** Notes where a device is now; a UDP session has one address. */
  put(principal: string, udpSession: string, place: PeerAddress): void {
    const others = this.#without(principal, udpSession);
    this.#principals.set(principal, [...others, { ...place, udpSession }]);
  }

  remove(principal: string, udpSession: string): void {
    const others = this.#without(principal, udpSession);
    if (others.length === 0) this.#principals.delete(principal);
    else this.#principals.set(principal, others);
  }

  /** The address known for the shortest time; of one device, or of any. */
  find(principal: string, device?: string): PeerAddress | undefined {
    const all = this.#principals.get(principal) ?? [];
    const known = all.findLast((one) => device === undefined || one.device === device);
    if (known === undefined) return undefined;
    const { udpSession: _, ...place } = known;
    return place;
  }

  #without(principal: string, udpSession: string): Known[] {
    const all = this.#principals.get(principal) ?? [];
    return all.filter((one) => one.udpSession !== udpSession);
  }
}
