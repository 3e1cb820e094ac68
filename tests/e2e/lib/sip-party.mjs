// A SIP party over UDP as a script, for measurements with hundreds of them: it keeps to what they need.
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";

const SDP = (address) =>
  `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n`;
const md5 = (text) => createHash("md5").update(text).digest("hex");
const token = () => randomBytes(8).toString("hex");

/** One socket, for as many devices as are wanted. `onRequest(request, at)` is told of what comes. */
export class SipParty {
  #waiting = new Map();

  static async open(address, serverUrl, onRequest) {
    const party = new SipParty();
    const [host, port] = serverUrl.split(":");
    party.address = address;
    party.server = { host, port: Number(port) };
    party.socket = createSocket({ type: "udp4", recvBufferSize: 8_000_000 });
    party.socket.on("message", (data) => {
      const at = performance.now();
      const message = parse(data.toString());
      if (!message) return;
      if (message.method) onRequest?.(message, at);
      else party.#waiting.get(`${message.callId} ${message.cseq}`)?.(message, at);
    });
    party.socket.bind(0, address);
    await once(party.socket, "listening");
    party.port = party.socket.address().port;
    return party;
  }

  close() {
    this.socket.close();
  }

  send(text) {
    this.socket.send(text, this.server.port, this.server.host);
  }

  /** Sends a request and gives its final response; `headers` and the body follow the usual ones. */
  ask(method, uri, dialog, headers = "", body = "") {
    const cseq = `${dialog.cseq} ${method}`;
    const text = this.#request(method, uri, dialog, cseq, headers, body);
    const key = `${dialog.callId} ${cseq}`;
    return new Promise((resolve) => {
      this.#waiting.set(key, (response, at) => {
        if (response.status < 200) return;
        this.#waiting.delete(key);
        resolve({ ...response, at });
      });
      this.send(text);
    });
  }

  ack(uri, dialog) {
    this.send(this.#request("ACK", uri, dialog, `${dialog.cseq} ACK`, "", ""));
  }

  #request(method, uri, { from, to, callId, routes = [] }, cseq, headers, body) {
    const route = routes.map((value) => `Route: ${value}\r\n`).join("");
    const type = body ? "Content-Type: application/sdp\r\n" : "";
    return (
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${this.address}:${this.port};branch=z9hG4bK${token()}\r\n` +
      `Max-Forwards: 70\r\nFrom: ${from}\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq}\r\n${route}` +
      `Contact: <sip:party@${this.address}:${this.port}>\r\n${headers}${type}Content-Length: ${body.length}\r\n\r\n${body}`
    );
  }

  /** Registers an extension; every one of a party's has the same contact but for its user part. */
  async register(number, password) {
    const identity = `<sip:${number}@offhook.local>`;
    const dialog = { from: `${identity};tag=${token()}`, to: identity, callId: token(), cseq: 1 };
    const contact = `Contact: <sip:${number}@${this.address}:${this.port}>\r\nExpires: 3600\r\n`;
    const uri = "sip:offhook.local";
    const challenge = await this.#ask("REGISTER", uri, dialog, contact);
    const field = (name) => challenge.headers.match(new RegExp(`${name}="?([^",\\r\\n]+)`))?.[1];
    const [realm, nonce] = [field("realm"), field("nonce")];
    const [nc, cnonce] = ["00000001", token()];
    const ha1 = md5(`${number}:${realm}:${password}`);
    const response = md5(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${md5(`REGISTER:${uri}`)}`);
    const authorization =
      `Authorization: Digest username="${number}", realm="${realm}", nonce="${nonce}", uri="${uri}", ` +
      `response="${response}", algorithm=MD5, qop=auth, nc=${nc}, cnonce="${cnonce}"\r\n`;
    const answer = await this.#ask(
      "REGISTER",
      uri,
      { ...dialog, cseq: 2 },
      contact + authorization,
    );
    if (answer.status !== 200) throw new Error(`REGISTER of ${number}: ${answer.status}`);
  }

  /** The same without the usual Contact. */
  async #ask(method, uri, dialog, headers) {
    const send = this.send;
    this.send = (text) => send.call(this, text.replace(/Contact: <sip:party@[^\r]*\r\n/, ""));
    const answer = this.ask(method, uri, dialog, headers);
    this.send = send;
    return answer;
  }

  /** Calls a number without an account, and is answered; the dialog, to hang up with. */
  async call(number) {
    const dialog = {
      from: `<sip:guest@${this.address}>;tag=${token()}`,
      to: `<sip:${number}@offhook.local>`,
      callId: token(),
      cseq: 1,
    };
    const uri = `sip:${number}@offhook.local`;
    const answer = await this.ask("INVITE", uri, dialog, "", SDP(this.address));
    if (answer.status !== 200) throw new Error(`INVITE of ${number}: ${answer.status}`);
    const answered = { ...dialog, to: answer.to, routes: answer.recordRoutes.toReversed() };
    const target = answer.contact;
    this.ack(target, answered);
    return { ...answered, target };
  }

  async hangUp({ target, ...dialog }) {
    await this.ask("BYE", target, { ...dialog, cseq: dialog.cseq + 1 });
  }

  /** Answers an INVITE that rings; the dialog, to hang up with. */
  accept(request) {
    const tag = `;tag=${token()}`;
    const contact = `Contact: <sip:party@${this.address}:${this.port}>\r\n`;
    this.respond(request, "180 Ringing", tag, contact);
    this.respond(request, "200 OK", tag, contact, SDP(this.address));
    return {
      from: request.to + tag,
      to: request.from,
      callId: request.callId,
      cseq: 1,
      routes: request.recordRoutes,
      target: request.contact,
    };
  }

  respond(request, status, tag = "", headers = "", body = "") {
    const type = body ? "Content-Type: application/sdp\r\n" : "";
    const routes = request.recordRoutes.map((value) => `Record-Route: ${value}\r\n`).join("");
    this.send(
      `SIP/2.0 ${status}\r\n${request.vias}${routes}From: ${request.from}\r\nTo: ${request.to}${tag}\r\n` +
        `Call-ID: ${request.callId}\r\nCSeq: ${request.cseq}\r\n${headers}${type}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  }
}

function parse(text) {
  const [head] = text.split("\r\n\r\n");
  const [first, ...lines] = head.split("\r\n");
  if (!first) return null;
  const all = (name) =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim());
  const status = first.match(/^SIP\/2\.0 (\d{3})/)?.[1];
  return {
    method: status ? null : first.split(" ")[0],
    uri: status ? null : first.split(" ")[1],
    status: Number(status),
    headers: head,
    vias: lines
      .filter((line) => /^via:/i.test(line))
      .map((line) => `${line}\r\n`)
      .join(""),
    from: all("from")[0],
    to: all("to")[0],
    callId: all("call-id")[0],
    cseq: all("cseq")[0],
    contact: all("contact")[0]?.match(/<([^>]+)>/)?.[1],
    recordRoutes: all("record-route").flatMap((value) => value.split(/,\s*(?=<)/)),
  };
}
