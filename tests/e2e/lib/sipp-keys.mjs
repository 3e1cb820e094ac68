/**
 * A scenario of sipp: calls with its sound at this port of loopback, presses each key by INFO after a pause,
 * and hangs up.
 */
export function callAndPress(port, keys, pauseMs) {
  const headers = (method, cseq) => `      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:sipp@[local_ip]>;tag=[call_number]
      To: <sip:[service]@[remote_ip]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: ${cseq} ${method}
      Contact: <sip:sipp@[local_ip]:[local_port]>`;
  const within = (method, cseq, body = "Content-Length: 0\n") => `
  <send ${method === "ACK" ? "" : 'retrans="500"'}><![CDATA[
      ${method} [next_url] SIP/2.0
${headers(method, cseq)}
      [routes]
      ${body}
  ]]></send>`;
  const info = (key, at) => `
  <pause milliseconds="${pauseMs}"/>${within(
    "INFO",
    at + 2,
    `Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal=${key}
      Duration=160`,
  )}
  <recv response="200"/>`;
  return `<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="menus">
  <send retrans="500"><![CDATA[
      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
${headers("INVITE", 1)}
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=sipp 1 1 IN IP4 127.0.0.1
      s=-
      c=IN IP4 127.0.0.1
      t=0 0
      m=audio ${port} RTP/AVP 0
      a=rtpmap:0 PCMU/8000
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="200" rrs="true"/>${within("ACK", 1)}${keys.map(info).join("")}
  <pause milliseconds="${pauseMs}"/>${within("BYE", keys.length + 2)}
  <recv response="200"/>
</scenario>
`;
}
