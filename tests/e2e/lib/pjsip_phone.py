"""One PJSIP phone, driven by JSON lines on standard input, reporting JSON lines on standard output.

The first line is its configuration; each later line is a command with an "id", answered by
{"id": ..., "ok": true} or {"id": ..., "error": "..."}. Everything that happens comes as {"event": ...}.
"""

import json
import os
import queue
import sys
import threading

import pjsua2 as pj

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
KEYINGS = {"sdes": pj.PJMEDIA_SRTP_KEYING_SDES, "dtls": pj.PJMEDIA_SRTP_KEYING_DTLS_SRTP}
EVENT_WAIT_MS = 10


# PJSIP prints its first lines to standard output before the log level can be set.
ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def emit(**what):
    ANSWERS.write(json.dumps(what) + "\n")


class Call(pj.Call):
    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone
        self.recorder = None

    def onCallState(self, prm):
        info = self.getInfo()
        reason = info.lastReason
        emit(event="state", state=info.stateText, code=info.lastStatusCode, reason=reason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.call_ended(self)

    def onCallMediaState(self, prm):
        for media in self.getInfo().media:
            active = media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            remote_hold = media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD
            if media.type == pj.PJMEDIA_TYPE_AUDIO and (active or remote_hold):
                self.phone.tone.startTransmit(self.getAudioMedia(media.index))
                stream = self.getStreamInfo(media.index)
                emit(
                    event="media",
                    active=active,
                    codec=f"{stream.codecName}/{stream.codecClockRate}",
                )

    def onDtmfDigit(self, prm):
        emit(event="dtmf", digit=prm.digit)

    def record(self, path):
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(path)
        self.getAudioMedia(-1).startTransmit(self.recorder)

    def stop_recording(self):
        self.getAudioMedia(-1).stopTransmit(self.recorder)
        self.recorder = None


class Account(pj.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, prm):
        emit(event="registration", code=prm.code, reason=prm.reason)

    def onIncomingCall(self, prm):
        self.phone.incoming(Call(self.phone, prm.callId))


class Phone:
    def __init__(self, config):
        self.config = config
        self.call = None
        self.ended = []
        self.endpoint = pj.Endpoint()
        self.start_endpoint()
        self.choose_codecs(config.get("codecs"))
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(16000)
        self.play_tone(config["tone"])
        self.account = Account(self)
        self.account.create(self.account_config())

    def start_endpoint(self):
        config = pj.EpConfig()
        config.logConfig.level = self.config.get("log", 0)
        config.logConfig.consoleLevel = self.config.get("log", 0)
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        self.endpoint.libCreate()
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.port = 0
        transport.boundAddress = self.config["bind"]
        transport.publicAddress = self.config["bind"]
        transport.tlsConfig.verifyServer = False
        transport.tlsConfig.verifyClient = False
        kind = TRANSPORTS[self.config["transport"]]
        self.transport = self.endpoint.transportCreate(kind, transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()

    def choose_codecs(self, codecs):
        if not codecs:
            return
        for codec in self.endpoint.codecEnum2():
            wanted = any(codec.codecId.startswith(name) for name in codecs)
            self.endpoint.codecSetPriority(codec.codecId, 200 if wanted else 0)

    def account_config(self):
        config = self.config
        server = f"sip:{config['server']};transport={config['transport']};lr"
        account = pj.AccountConfig()
        account.idUri = f"sip:{config['user']}@{config['domain']}"
        if config.get("register", True):
            account.regConfig.registrarUri = f"sip:{config['domain']}"
        account.sipConfig.proxies.append(server)
        credentials = pj.AuthCredInfo("digest", "*", config["user"], 0, config["password"])
        account.sipConfig.authCreds.append(credentials)
        account.sipConfig.transportId = self.transport if config["transport"] == "udp" else -1
        account.natConfig.contactRewriteUse = 0
        account.natConfig.sipOutboundUse = 0
        media = account.mediaConfig
        media.transportConfig.boundAddress = config["bind"]
        media.transportConfig.publicAddress = config["bind"]
        media.srtpSecureSignaling = 0
        security = config.get("security", "none")
        if security == "none":
            media.srtpUse = pj.PJMEDIA_SRTP_DISABLED
        else:
            media.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            media.srtpOpt.keyings.append(KEYINGS[security])
        return account

    def play_tone(self, hz):
        tone = pj.ToneDesc()
        tone.freq1 = hz
        tone.freq2 = 0
        tone.on_msec = 1000
        tone.off_msec = 0
        tones = pj.ToneDescVector()
        tones.append(tone)
        self.tone.play(tones, True)

    def incoming(self, call):
        self.call = call
        info = call.getInfo()
        emit(event="incoming", caller=info.remoteUri)
        answer = self.config.get("answer", 200)
        if answer:
            self.answer(answer)

    def call_ended(self, call):
        # The object must outlive the callback that reports its end.
        self.ended.append(call)
        if self.call is call:
            self.call = None

    def answer(self, code):
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.call.answer(prm)

    def carry_out(self, command):
        getattr(self, "do_" + command.pop("do"))(**command)

    def do_call(self, to):
        self.call = Call(self)
        prm = pj.CallOpParam(True)
        self.call.makeCall(f"sip:{to}@{self.config['domain']}", prm)

    def do_answer(self, code):
        self.answer(code)

    def do_hang_up(self, code=0):
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.call.hangup(prm)

    def do_hold(self):
        self.call.setHold(pj.CallOpParam(True))

    def do_resume(self):
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.call.reinvite(prm)

    def do_dtmf(self, digits):
        self.call.dialDtmf(digits)

    def do_transfer(self, to):
        self.call.xfer(f"sip:{to}@{self.config['domain']}", pj.CallOpParam(True))

    def do_record(self, path):
        self.call.record(path)

    def do_stop_recording(self):
        self.call.stop_recording()


def read_commands(commands):
    for line in sys.stdin:
        commands.put(json.loads(line))
    commands.put(None)


def main():
    phone = Phone(json.loads(sys.stdin.readline()))
    commands = queue.Queue()
    threading.Thread(target=read_commands, args=(commands,), daemon=True).start()
    while True:
        phone.endpoint.libHandleEvents(EVENT_WAIT_MS)
        try:
            command = commands.get_nowait()
        except queue.Empty:
            continue
        if command is None:
            break
        number = command.pop("id")
        try:
            phone.carry_out(command)
            emit(id=number, ok=True)
        except Exception as error:  # Every fault is an answer to whoever asked.
            emit(id=number, error=str(error))
    phone.endpoint.hangupAllCalls()
    os._exit(0)


main()
