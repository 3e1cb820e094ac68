/**
 * The softphone all portals share: calls over SIP on a WebSocket and WebRTC.
 * `Softphone` is free of any UI framework and of SIP.js, which lives behind `Line`;
 * `useSoftphone` is its React hook. It does not draw anything and does not know who is signed in.
 */
export { AudioDevices } from "./audio-devices.ts";
export { type Call, type EndedCall, isTalking, isTransferring } from "./call.ts";
export { CallTones } from "./call-tones.ts";
export { browserCamera } from "./camera.ts";
export type { ConnectionState } from "./connection.ts";
export { type Credentials, isAllowed } from "./credentials.ts";
export { type Failure, failure, failureFromApi } from "./failure.ts";
export { KeptCalls } from "./kept-call.ts";
export type { QueueOffer } from "./line.ts";
export { DTMF_KEYS, isDtmfKey, readNumber, typedNumber } from "./number.ts";
export type { CallbackRefusal, Progress } from "./progress.ts";
export { type Quality, type QualitySample, readQuality } from "./quality.ts";
export { RING_SOUNDS, type RingSound, ring, setRing } from "./ring.ts";
export { sipLine } from "./sip-line.ts";
export { CALLS_MAX, Softphone } from "./softphone.ts";
export { Store } from "./store.ts";
export { TelephoneProvider, useSoftphone, useStore } from "./use-softphone.ts";
