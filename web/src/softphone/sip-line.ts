import {
  type Invitation,
  type Inviter,
  Inviter as OutgoingInvite,
  Registerer,
  RegistererState,
  URI,
  UserAgent,
  type Web,
} from "sip.js";
import type { Credentials } from "./credentials.ts";
import { DigestClient } from "./digest.ts";
import { quotedName } from "./display-name.ts";
import { type Failure, failure, failureFromSip, type SipRejection } from "./failure.ts";
import type { DialogId } from "./kept-call.ts";
import type {
  Line,
  LineCall,
  LineCallHandlers,
  LineFactory,
  LineHandlers,
  RegistrationState,
} from "./line.ts";
import { MediaHandler } from "./media-handler.ts";
import { RECV_INFO } from "./progress.ts";
import { SipCall, SipIncomingCall } from "./sip-call.ts";
import { rejectionOf } from "./sip-response.ts";
import { SocketWatch } from "./socket-watch.ts";

/** Host candidates are at hand at once; whatever else gathers is not worth waiting longer for. */
const ICE_GATHERING_TIMEOUT_MS = 300;
const REGISTRATION_EXPIRES_S = 300;
/** An incoming call nobody answers is given up after this. */
const INCOMING_RING_TIMEOUT_S = 120;

export const sipLine: LineFactory = (credentials, handlers) => new SipLine(credentials, handlers);

/** What SIP.js keeps to itself of its transport; seconds. */
interface Transport {
  configuration: { connectionTimeout: number };
}

/** A `Line` on SIP.js: SIP over WebSocket (RFC 7118), digest, WebRTC. */
class SipLine implements Line {
  readonly #agent: UserAgent;
  readonly #watch = new SocketWatch();
  #registerer: Registerer | null = null;
  #closed = false;

  constructor(
    private readonly credentials: Credentials,
    private readonly handlers: LineHandlers,
  ) {
    this.#agent = new UserAgent({
      uri: new URI("sip", credentials.username, credentials.domain),
      // SIP.js puts quotes around the name and looks no closer at it.
      displayName: quotedName(credentials.displayName ?? ""),
      authorizationUsername: credentials.username,
      authorizationPassword: credentials.password,
      userAgentString: "Offhook portal (SIP.js 0.21.2)",
      transportOptions: { server: credentials.wsUrl },
      noAnswerTimeout: INCOMING_RING_TIMEOUT_S,
      logBuiltinEnabled: false,
      sessionDescriptionHandlerFactory: mediaFactory,
      delegate: {
        onDisconnect: (error) => this.#onDisconnect(error),
        onInvite: (invitation) => this.#onInvite(invitation),
      },
    });
    // SIP.js offers no option for the digest algorithm, but asks this factory for its client.
    const core = this.#agent.userAgentCore.configuration as { authenticationFactory(): unknown };
    core.authenticationFactory = () =>
      new DigestClient(credentials.username, credentials.password, randomToken);
  }

  async connect(timeoutMs: number): Promise<void> {
    // SIP.js offers no way to change this, but looks it up for each attempt.
    const transport = this.#agent.transport as unknown as Transport;
    transport.configuration.connectionTimeout = timeoutMs / 1_000;
    await (this.#agent.state === "Started" ? this.#agent.reconnect() : this.#agent.start());
    const { ws } = this.#agent.transport as Web.Transport;
    if (ws) this.#watch.start(ws);
  }

  probe(): void {
    this.#watch.probe();
  }

  register(): void {
    // A registerer that waits for an answer lost with its socket cannot send again.
    this.#dropRegisterer();
    const registerer = new Registerer(this.#agent, {
      expires: REGISTRATION_EXPIRES_S,
      refreshFrequency: 75,
      logConfiguration: false,
    });
    this.#registerer = registerer;
    const tell = (state: RegistrationState, reason: Failure | null = null) => {
      if (this.#registerer === registerer && !this.#closed) {
        this.handlers.onRegistration(state, reason);
      }
    };
    registerer.stateChange.addListener((state) => {
      if (state === RegistererState.Registered) tell("registered");
      if (state === RegistererState.Unregistered) tell("unregistered");
    });
    tell("registering");
    const onReject = (response: Parameters<typeof rejectionOf>[0]) =>
      tell("refused", registrationFailure(rejectionOf(response)));
    registerer.register({ requestDelegate: { onReject } }).catch(() => tell("unregistered"));
  }

  dial(number: string, media: MediaStream, handlers: LineCallHandlers): LineCall {
    const target = new URI("sip", number, this.credentials.domain);
    const inviter: Inviter = new OutgoingInvite(this.#agent, target, {
      earlyMedia: true,
      extraHeaders: [RECV_INFO],
    });
    const call = new SipCall(inviter, this.credentials.domain, handlers);
    call.invite(inviter, media);
    return call;
  }

  comeBack(
    { callId, localTag, remoteTag }: DialogId,
    number: string,
    media: MediaStream,
    handlers: LineCallHandlers,
  ): LineCall {
    const { domain } = this.credentials;
    const target = new URI("sip", number, domain);
    const replaces = `Replaces: ${callId};to-tag=${remoteTag};from-tag=${localTag}`;
    const inviter = new OutgoingInvite(this.#agent, target, {
      extraHeaders: [replaces, "Require: replaces"],
    });
    const call = new SipCall(inviter, domain, handlers);
    call.invite(inviter, media);
    return call;
  }

  close(): void {
    this.#closed = true;
    this.#watch.stop();
    this.#agent.stop().catch(ignoreOnClose);
  }

  #onDisconnect(error: Error | undefined): void {
    this.#watch.stop();
    this.#dropRegisterer();
    if (!this.#closed) {
      if (error) this.handlers.onRegistration("unregistered", null);
      this.handlers.onDisconnected();
    }
  }

  #onInvite(invitation: Invitation): void {
    this.handlers.onIncoming(new SipIncomingCall(invitation, this.credentials.domain));
  }

  /** Forgets a registerer without sending anything: its socket is gone, its binding with it. */
  #dropRegisterer(): void {
    const old = this.#registerer;
    this.#registerer = null;
    if (old && old.state !== RegistererState.Terminated) old.dispose().catch(ignoreOnClose);
  }
}

const mediaFactory: NonNullable<
  ConstructorParameters<typeof UserAgent>[0]
>["sessionDescriptionHandlerFactory"] = (session) =>
  new MediaHandler(
    session.userAgent.getLogger("offhook.media"),
    (_constraints, _handler, options) => Promise.resolve(mediaOf(options)),
    {
      iceGatheringTimeout: ICE_GATHERING_TIMEOUT_MS,
      // Sound and picture are relayed each by a leg of its own, so that each needs its own transport.
      peerConnectionConfiguration: { iceServers: [], bundlePolicy: "balanced" },
    },
  );

/** Microphone and camera travel to the media factory within SIP.js's session options. */
function mediaOf(options: unknown): MediaStream {
  const { media } = (options ?? {}) as { media?: MediaStream };
  return media ?? new MediaStream();
}

/** Here "not allowed" speaks of the account and not of a number. */
function registrationFailure(rejection: SipRejection): Failure {
  const reason = failureFromSip(rejection);
  const account = reason.kind === "not-allowed" || reason.kind === "no-route";
  return account ? failure("unauthorised", reason.detail, reason.sipCode) : reason;
}

function randomToken(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** Closing is best effort: the page may be going away and the socket may be gone. */
function ignoreOnClose(): void {}
