import { Collapse, UnstyledButton } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useEffect, useId, useState } from "react";
import { type Quality, readQuality, type Softphone } from "../softphone/index.ts";
import classes from "./Diagnostics.module.css";
import { GRADE_WORDS, grade } from "./words.ts";

const READING_INTERVAL_MS = 1000;

/** The measured quality of the current call: a word, and the figures on request. */
export function Diagnostics({
  softphone,
  interrupted,
}: {
  softphone: Softphone;
  /** No sound passes at all, so the last reading says nothing about now. */
  interrupted: boolean;
}) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const quality = useQuality(softphone);
  const current = interrupted ? "interrupted" : grade(quality);
  return (
    <div>
      <UnstyledButton
        className={classes.summary}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <span className={classes.dot} data-grade={current} aria-hidden />
        <span data-testid="quality">Call quality: {GRADE_WORDS[current]}</span>
        <IconChevronDown className={classes.chevron} data-open={open} size={16} aria-hidden />
      </UnstyledButton>
      <Collapse expanded={open} id={id}>
        <dl className={classes.list} data-testid="diagnostics">
          {figures(quality).map(([name, value]) => (
            <Figure key={name} name={name} value={value} />
          ))}
        </dl>
      </Collapse>
    </div>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function useQuality(softphone: Softphone): Quality | null {
  const [quality, setQuality] = useState<Quality | null>(null);
  useEffect(() => {
    let current = true;
    let previous: Quality | null = null;
    const read = async () => {
      const connection = softphone.peerConnection();
      if (!connection) return;
      // A connection that closes while it is read has nothing left to show.
      const next = await readQuality(connection, previous?.sample ?? null).catch(() => null);
      if (!current || !next) return;
      previous = next;
      setQuality(next);
    };
    void read();
    const timer = setInterval(() => void read(), READING_INTERVAL_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [softphone]);
  return quality;
}

function figures(quality: Quality | null): [name: string, value: string][] {
  const unit = (value: number | null | undefined, digits: number, suffix: string) =>
    value === null || value === undefined ? "–" : `${value.toFixed(digits)} ${suffix}`;
  return [
    ["Codec", quality?.codec ?? "–"],
    ["Packets sent", unit(quality?.packetsSent, 0, "")],
    ["Packets received", unit(quality?.packetsReceived, 0, "")],
    ["Packets lost", unit(quality?.packetsLost, 0, "")],
    ["Loss on the way here", unit(quality?.lossPercent, 1, "%")],
    ["Loss on the way there", unit(quality?.remoteLossPercent, 1, "%")],
    ["Jitter", unit(quality?.jitterMs, 1, "ms")],
    ["Round trip", unit(quality?.roundTripMs, 1, "ms")],
    ["Jitter buffer", unit(quality?.jitterBufferMs, 0, "ms")],
    ["Received", unit(quality?.kbitPerSecondIn, 0, "kbit/s")],
    ["Sent", unit(quality?.kbitPerSecondOut, 0, "kbit/s")],
    ["Encryption", quality?.security ?? "–"],
    ["Path", quality?.path ?? "–"],
  ];
}
