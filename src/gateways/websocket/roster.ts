/** A place in a `Roster`. The links are the member's own, so that a place costs no object. */
export interface Member<T> {
  previous: T | undefined;
  next: T | undefined;
}

/**
 * A list of connections in the order they came, with removal in O(1).
 *
 * `sweep` visits it piece by piece, so that no turn pays for all of it.
 */
export class Roster<T extends Member<T>> {
  size = 0;
  first: T | undefined = undefined;
  #last: T | undefined = undefined;
  #cursor: T | undefined = undefined;

  add(member: T): void {
    member.previous = this.#last;
    member.next = undefined;
    if (this.#last === undefined) this.first = member;
    else this.#last.next = member;
    this.#last = member;
    this.size += 1;
  }

  remove(member: T): void {
    const { previous, next } = member;
    if (this.#cursor === member) this.#cursor = next;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    member.previous = undefined;
    member.next = undefined;
    this.size -= 1;
  }

  /**
   * Visits the next `count` members, from the first again after the last. The visitor may remove
   * members. A round ends at the last: nobody is visited twice by one call.
   */
  sweep(count: number, visit: (member: T) => void): void {
    let member = this.#cursor ?? this.first;
    for (let visited = 0; visited < count && member !== undefined; visited += 1) {
      this.#cursor = member.next;
      visit(member);
      member = this.#cursor;
    }
  }
}
