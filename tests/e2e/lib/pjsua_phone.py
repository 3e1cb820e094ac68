"""A PJSIP phone driven by JSON lines: commands on stdin, events on stdout.

The first line is the configuration. The microphone is a WAV file, what the other side sends is
recorded into another; no sound device is used.
"""

import json
import queue
import sys
import threading

import pjsua2 as pj

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
KEYINGS = {"sdes": pj.PJMEDIA_SRTP_KEYING_SDES}
AUDIBLE = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
POLL_MS = 10


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Call(pj.Call):
    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone

    def onCallState(self, _):
        info = self.getInfo()
        tell("state", state=info.stateText, code=info.lastStatusCode, reason=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.ended(self)

    def onCallMediaState(self, _):
        info = self.getInfo()  # owns the list that is walked
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in AUDIBLE:
                self.phone.connect(self.getAudioMedia(index))
                tell("media", status=media.status, direction=media.dir)

    def onDtmfDigit(self, parameters):
        tell("dtmf", digit=parameters.digit)


class Account(pj.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, parameters):
        tell("registration", code=parameters.code, active=self.getInfo().regIsActive)

    def onMwiInfo(self, parameters):
        tell("mwi", text=parameters.rdata.wholeMsg)

    def onIncomingCall(self, parameters):
        call = Call(self.phone, parameters.callId)
        if self.phone.call:
            self.phone.reply(call, 486)
            return
        self.phone.call = call
        tell("incoming", remote=call.getInfo().remoteUri)
        self.phone.reply(call, 200 if self.phone.config["answer"] == "auto" else 180)


class Phone:
    def __init__(self, config):
        self.config = config
        self.call = None
        self.held = None
        self.gone = []
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.logConfig.level = 4
        settings.logConfig.consoleLevel = 0
        settings.logConfig.filename = config["log"]
        settings.medConfig.noVad = True
        settings.medConfig.ecTailLen = 0
        self.endpoint.libInit(settings)
        self.open_transport()
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            name = codec.codecId.split("/")[0]
            wanted = config["codecs"]
            priority = 255 - wanted.index(name) if name in wanted else 0
            self.endpoint.codecSetPriority(codec.codecId, priority)
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(config["microphone"])
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(config["recording"])
        self.account = self.open_account()

    def open_transport(self):
        transport = pj.TransportConfig()
        transport.boundAddress = self.config["address"]
        transport.tlsConfig.verifyServer = False
        transport.tlsConfig.method = pj.PJSIP_TLSV1_2_METHOD
        self.endpoint.transportCreate(TRANSPORTS[self.config["transport"]], transport)

    def open_account(self):
        config = self.config
        settings = pj.AccountConfig()
        settings.idUri = f"sip:{config['number']}@offhook.local"
        settings.regConfig.registrarUri = "sip:offhook.local"
        settings.regConfig.timeoutSec = 120
        settings.regConfig.registerOnAdd = config["password"] is not None
        settings.sipConfig.proxies.append(
            f"sip:{config['server']};transport={config['transport']};lr"
        )
        credential = pj.AuthCredInfo("digest", "*", config["number"], 0, config["password"] or "")
        settings.sipConfig.authCreds.append(credential)
        settings.mediaConfig.transportConfig.boundAddress = config["address"]
        settings.natConfig.iceEnabled = config["ice"]
        settings.mwiConfig.enabled = config["mwi"]
        settings.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
        settings.callConfig.prackUse = (
            pj.PJSUA_100REL_MANDATORY if config["prack"] else pj.PJSUA_100REL_NOT_USED
        )
        if config["security"]:
            settings.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            settings.mediaConfig.srtpSecureSignaling = 0
            settings.mediaConfig.srtpOpt.keyings.append(KEYINGS[config["security"]])
        account = Account(self)
        account.create(settings)
        return account

    def connect(self, media):
        self.player.startTransmit(media)
        media.startTransmit(self.recorder)

    def ended(self, call):
        # The library still uses the call on the way out of its callback.
        self.gone.append(call)
        if self.held is call:
            self.held = None
        if self.call is call:
            self.call = None

    def reply(self, call, code):
        parameters = pj.CallOpParam(True)
        parameters.statusCode = code
        call.answer(parameters)

    def run(self, name, argument):
        parameters = pj.CallOpParam(True)
        if name == "dialWithoutOffer":
            parameters.opt.flag = pj.PJSUA_CALL_NO_SDP_OFFER
            name = "dial"
        if name == "dial":
            self.call = Call(self)
            self.call.makeCall(argument, parameters)
        elif name == "answer":
            self.reply(self.call, 200)
        elif name == "reject":
            self.reply(self.call, argument)
        elif name == "hangUp":
            self.call.hangup(parameters)
        elif name == "hold":
            self.call.setHold(parameters)
        elif name == "resume":
            parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.call.reinvite(parameters)
        elif name == "update":
            self.call.update(parameters)
        elif name == "press":
            self.call.dialDtmf(argument)
        elif name == "pressByInfo":
            keys = pj.CallSendDtmfParam()
            keys.method = pj.PJSUA_DTMF_METHOD_SIP_INFO
            keys.digits = argument
            self.call.sendDtmf(keys)
        elif name == "consult":
            self.held = self.call
            self.call = Call(self)
            self.call.makeCall(argument, parameters)
        elif name == "transferToConsulted":
            self.held.xferReplaces(self.call, parameters)
        elif name == "transfer":
            self.call.xfer(argument, parameters)
        else:
            raise ValueError(f"there is no command {name}")

    def close(self):
        self.call = None
        self.held = None
        self.gone.clear()
        del self.player, self.recorder
        self.account.shutdown()
        del self.account
        self.endpoint.libDestroy()


def read_commands(commands):
    for line in sys.stdin:
        commands.put(json.loads(line))
    commands.put({"name": "quit"})


def main():
    phone = Phone(json.loads(sys.stdin.readline()))
    commands = queue.Queue()
    threading.Thread(target=read_commands, args=(commands,), daemon=True).start()
    tell("started")
    while True:
        phone.endpoint.libHandleEvents(POLL_MS)
        phone.gone.clear()
        try:
            command = commands.get_nowait()
        except queue.Empty:
            continue
        if command["name"] == "quit":
            break
        try:
            phone.run(command["name"], command.get("argument"))
            tell("done", token=command["token"])
        except (pj.Error, ValueError, AttributeError) as error:
            words = error.info() if isinstance(error, pj.Error) else str(error)
            tell("failed", token=command["token"], reason=words)
    phone.close()


main()
