import { describe, expect, it } from "vitest";
import { DigestClient } from "./digest.ts";

// The example of RFC 7616 3.9.1.
const CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
const CHALLENGE = {
  realm: "http-auth@example.org",
  nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
  qop: ["auth"],
  opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
};
const REQUEST = { method: "GET", ruri: "/dir/index.html" };
const mufasa = () => new DigestClient("Mufasa", "Circle of Life", () => CNONCE);

describe("DigestClient", () => {
  it.each([
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ])("answers the RFC's challenge with %s", (algorithm, response) => {
    const client = mufasa();
    expect(client.authenticate(REQUEST, { ...CHALLENGE, algorithm })).toBe(true);
    expect(client.toString()).toContain(`response="${response}"`);
    expect(client.toString()).toContain(`algorithm=${algorithm}, qop=auth, nc=00000001`);
    expect(client.toString()).toContain(`opaque="${CHALLENGE.opaque}"`);
  });

  it("takes MD5 when the challenge names no algorithm", () => {
    const client = mufasa();
    client.authenticate(REQUEST, CHALLENGE);
    expect(client.toString()).toContain('response="8ca523f5e9506fed4657c9700eebdbec"');
  });

  it("counts the uses of a nonce and starts again with the next", () => {
    const client = mufasa();
    client.authenticate(REQUEST, CHALLENGE);
    client.authenticate(REQUEST, CHALLENGE);
    expect(client.toString()).toContain("nc=00000002");
    client.authenticate(REQUEST, { ...CHALLENGE, nonce: "other" });
    expect(client.toString()).toContain("nc=00000001");
  });

  it("answers a challenge of RFC 2617 without qop", () => {
    const client = new DigestClient("1001", "demo-1001", () => "c");
    client.authenticate(REQUEST, { realm: "r", nonce: "n" });
    expect(client.toString()).not.toContain("nc=");
  });

  it("quotes what needs quoting", () => {
    const client = new DigestClient('a"b', "x", () => "c");
    client.authenticate(REQUEST, { realm: "r", nonce: "n" });
    expect(client.toString()).toContain('username="a\\"b"');
  });

  it.each([
    { ...CHALLENGE, algorithm: "SHA-512-256" },
    { ...CHALLENGE, qop: ["auth-int"] },
    { nonce: "n" },
    { realm: "r" },
  ])("declines a challenge it cannot answer: %j", (challenge) => {
    const client = mufasa();
    expect(client.authenticate(REQUEST, challenge)).toBe(false);
    expect(() => client.toString()).toThrow();
  });
});
