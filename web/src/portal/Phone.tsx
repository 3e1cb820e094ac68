import { VisuallyHidden } from "@mantine/core";
import {
  type ComponentType,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
} from "react";
import { type Call, type EndedCall, useSoftphone } from "../softphone/index.ts";
import { CallPanel } from "./CallPanel.tsx";
import { DialPanel } from "./DialPanel.tsx";
import classes from "./Phone.module.css";
import type { TransferDialogProps } from "./TransferDialog.tsx";
import { useCallGuard } from "./use-call-guard.ts";
import { usePhoneKeys } from "./use-phone-keys.ts";
import { callWords, endedWords } from "./words.ts";

/** Names for numbers, for example those of the favourites. */
export type NameOf = (number: string) => string | null;

/** What a portal adds to its telephone. */
export interface PhoneParts {
  /** Shown below who the call is with. */
  Details?: ComponentType<{ call: Call }>;
  /** Shown after a call. */
  AfterCall?: ComponentType<{ last: EndedCall }>;
  /** Asks where a call goes, in place of a number alone. */
  Transfer?: ComponentType<TransferDialogProps>;
}

const NO_PARTS: PhoneParts = {};

/** The telephone: a dial pad, or the call while there is one. */
export function Phone({ nameOf, parts = NO_PARTS }: { nameOf: NameOf; parts?: PhoneParts }) {
  const { softphone, calls, call, last } = useSoftphone();
  const [number, setNumber] = useState("");
  const card = useRef<HTMLElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const type = useCallback((digit: string) => {
    setNumber((typed) => typed + digit);
    field.current?.focus();
  }, []);
  usePhoneKeys(softphone, type);
  useCallGuard(calls.some(({ phase }) => phase === "active"));
  useFocusKept(card, call, last);
  return (
    <section
      ref={card}
      tabIndex={-1}
      className={classes.card}
      aria-label="Telephone"
      data-testid="phone"
    >
      <Announcer nameOf={nameOf} />
      {call ? (
        <CallPanel key={call.id} call={call} nameOf={nameOf} parts={parts} />
      ) : (
        <DialPanel
          number={number}
          setNumber={setNumber}
          field={field}
          nameOf={nameOf}
          AfterCall={parts.AfterCall}
        />
      )}
    </section>
  );
}

/** The button that ended a call or closed its notice is gone: the keyboard goes on from the card. */
function useFocusKept(
  card: RefObject<HTMLElement | null>,
  call: Call | null,
  last: EndedCall | null,
): void {
  const before = useRef({ call, last });
  useEffect(() => {
    const changed = before.current.call !== call || before.current.last !== last;
    before.current = { call, last };
    const lost = document.activeElement === document.body;
    if (changed && call === null && lost) card.current?.focus({ preventScroll: true });
  }, [card, call, last]);
}

/** Says the state of the call to screen readers, and the page's title shows it too. */
function Announcer({ nameOf }: { nameOf: NameOf }) {
  const { calls, call, last } = useSoftphone();
  const rings = calls.find(({ phase }) => phase === "incoming") ?? call;
  const subject = call ?? last;
  const name = subject ? (subject.name ?? nameOf(subject.number) ?? subject.number) : "";
  const words = call ? `${callWords(call)}: ${name}` : last ? endedWords(last, name) : "";
  const title = useRef(document.title);
  useEffect(() => {
    const plain = title.current;
    document.title = rings ? `${callWords(rings)} – ${plain}` : plain;
    return () => {
      document.title = plain;
    };
  }, [rings]);
  return (
    <VisuallyHidden aria-live="polite" aria-atomic data-testid="call-state">
      {words}
    </VisuallyHidden>
  );
}
