/** Resident memory of this process after its garbage is collected, in bytes. */
export async function residentBytes(): Promise<number> {
  for (let round = 0; round < 6; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage.rss();
}
