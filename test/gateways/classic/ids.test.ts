import { describe, expect, it } from "vitest";
import { classicId, classicNumber } from "../../../src/gateways/classic/ids.ts";

const PLUG = { bits: 64, phonesArePositive: true, hasSlots: true } as const;
const GREE = { bits: 32, phonesArePositive: false, hasSlots: true } as const;

describe("the numbers of classic devices", () => {
  it("name phones by their user and slot, and boards by themselves", () => {
    expect(classicId(4103n, PLUG)).toEqual({ kind: "phone", principal: "4096", slot: 7 });
    expect(classicId(4096n, PLUG)).toEqual({ kind: "phone", principal: "4096", slot: 0 });
    expect(classicId(-17n, PLUG)).toEqual({ kind: "board", principal: "board:17" });
  });

  it("have the other sign and half the bits in the other branch", () => {
    expect(classicId(17n, GREE)).toEqual({ kind: "board", principal: "board:17" });
    expect(classicId(-4097n, GREE)).toEqual({ kind: "phone", principal: "4096", slot: 1 });
    expect(classicId(2n ** 31n, GREE)).toBeUndefined();
    expect(classicId(2n ** 31n, PLUG)).toBeDefined();
  });

  it("are each their own user where there are no slots", () => {
    const space = { ...GREE, hasSlots: false };
    expect(classicId(-4097n, space)).toEqual({ kind: "phone", principal: "4097", slot: 0 });
  });

  it("are none for nobody, and for names that are no numbers", () => {
    expect(classicId(0n, PLUG)).toBeUndefined();
    for (const name of ["ada", "board:x", "017", "", "-5", "99999999999999999999"]) {
      expect(classicNumber(name, PLUG), name).toBeUndefined();
    }
  });

  it.each([-(2n ** 62n), -17n, 4096n, 2n ** 40n])("come back from the principal of %s", (id) => {
    expect(classicNumber(classicId(id, PLUG)!.principal, PLUG)).toBe(id);
  });
});
