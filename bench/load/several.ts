/** One address has ports for 28 000 connections, and half of them may be in use or linger. */
const ADDRESSES = Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 2}`);

/** The local address of the connection with this number. */
export function addressOf(index: number): string {
  return ADDRESSES[index % ADDRESSES.length]!;
}

/** Does the work for each, at most so many at the same time. */
export async function several<Item>(
  atOnceMax: number,
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const some = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, some));
}
