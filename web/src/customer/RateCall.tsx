import { Alert, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, useId, useState } from "react";
import { rateCall } from "../api/client.ts";
import { Problem } from "../api/problem.ts";
import type { EndedCall } from "../softphone/index.ts";
import { Stars } from "./Stars.tsx";

const COMMENT_LENGTH_MAX = 1000;

type Step = "asks" | "sends" | "thanks" | "skipped";

/** Asks who has spoken with an agent how that was. */
export function RateCall({ last }: { last: EndedCall }) {
  const [step, setStep] = useState<Step>("asks");
  const [failed, setFailed] = useState<string | null>(null);
  const { agent, callRef } = last;
  if (agent === null || callRef === null || step === "skipped") return null;
  if (step === "thanks") {
    return (
      <Text size="sm" ta="center" role="status" data-testid="rated">
        Thank you for your rating.
      </Text>
    );
  }
  const send = async (stars: number, comment: string) => {
    setStep("sends");
    try {
      await rateCall(callRef, stars, comment);
      setStep("thanks");
    } catch (error) {
      setFailed(whyNot(error));
      setStep("asks");
    }
  };
  return (
    <RatingForm
      agent={agent}
      sends={step === "sends"}
      failed={failed}
      onSend={(stars, comment) => void send(stars, comment)}
      onSkip={() => setStep("skipped")}
    />
  );
}

function RatingForm({
  agent,
  sends,
  failed,
  onSend,
  onSkip,
}: {
  agent: string;
  sends: boolean;
  failed: string | null;
  onSend: (stars: number, comment: string) => void;
  onSkip: () => void;
}) {
  const question = useId();
  const [stars, setStars] = useState(0);
  const [comment, setComment] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (stars > 0) onSend(stars, comment);
  };
  return (
    <form onSubmit={submit} aria-labelledby={question} data-testid="rate-call">
      <Stack gap="xs" align="center">
        <Text id={question} fw={600} ta="center">
          How was your call with {agent}?
        </Text>
        <Stars value={stars} onChange={setStars} labelledBy={question} />
        {stars > 0 && (
          <Textarea
            w="100%"
            label="Anything to add?"
            rows={2}
            maxLength={COMMENT_LENGTH_MAX}
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
          />
        )}
        {failed && (
          <Alert color="red" variant="light" role="alert" w="100%">
            {failed}
          </Alert>
        )}
        <Group gap="xs">
          <Button variant="default" size="compact-md" onClick={onSkip}>
            Skip
          </Button>
          <Button type="submit" size="compact-md" disabled={stars === 0} loading={sends}>
            Send rating
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function whyNot(error: unknown): string {
  const status = error instanceof Problem ? error.status : 0;
  if (status === 409) return "You have rated this call already.";
  if (status === 403 || status === 404) return "This call cannot be rated any more.";
  return "Your rating did not reach us. Try again.";
}
