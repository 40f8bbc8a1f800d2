/** Lines of about 170 bytes, as an export of customers may have them: `from` to `to`. */
export function memberLines(from: number, to: number, id: (n: number) => string): string {
  let text = "";
  for (let n = from; n < to; n += 1) {
    const attributes = {
      name: `Name ${n % 1_000}`,
      city: `Town ${n % 100}`,
      plan: n % 3 === 0 ? "pro" : "free",
      age: 18 + (n % 60),
      vip: n % 10 === 0,
    };
    const where = { locale: "de-AT", timeZone: "Europe/Vienna" };
    text += `${JSON.stringify({ id: id(n), attributes, tags: [`group-${n % 7}`], ...where })}\n`;
  }
  return text;
}

/** The usual id of a member, as wide as any. */
export function memberId(n: number): string {
  return `m-${String(n).padStart(7, "0")}`;
}
