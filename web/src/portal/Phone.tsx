import { VisuallyHidden } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { useSoftphone } from "../softphone/index.ts";
import { CallPanel } from "./CallPanel.tsx";
import { DialPanel } from "./DialPanel.tsx";
import classes from "./Phone.module.css";
import { usePhoneKeys } from "./use-phone-keys.ts";
import { callWords, endedWords } from "./words.ts";

/** Names for numbers, for example those of the favourites. */
export type NameOf = (number: string) => string | null;

/** The telephone: a dial pad, or the call while there is one. */
export function Phone({ nameOf }: { nameOf: NameOf }) {
  const { softphone, call } = useSoftphone();
  const [number, setNumber] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const type = useCallback((digit: string) => {
    setNumber((typed) => typed + digit);
    field.current?.focus();
  }, []);
  usePhoneKeys(softphone, type);
  return (
    <section className={classes.card} aria-label="Telephone" data-testid="phone">
      <Announcer nameOf={nameOf} />
      {call ? (
        <CallPanel key={call.id} call={call} nameOf={nameOf} />
      ) : (
        <DialPanel number={number} setNumber={setNumber} field={field} nameOf={nameOf} />
      )}
    </section>
  );
}

/** Says the state of the call to screen readers, and the page's title shows it too. */
function Announcer({ nameOf }: { nameOf: NameOf }) {
  const { call, last } = useSoftphone();
  const subject = call ?? last;
  const name = subject ? (subject.name ?? nameOf(subject.number) ?? subject.number) : "";
  const words = call ? `${callWords(call)}: ${name}` : last ? endedWords(last, name) : "";
  const title = useRef(document.title);
  useEffect(() => {
    const plain = title.current;
    document.title = call ? `${callWords(call)} – ${plain}` : plain;
    return () => {
      document.title = plain;
    };
  }, [call]);
  return (
    <VisuallyHidden aria-live="polite" aria-atomic data-testid="call-state">
      {words}
    </VisuallyHidden>
  );
}
