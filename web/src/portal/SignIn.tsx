import { Button, Paper, PasswordInput, Stack, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type SignedIn, signIn } from "../api/client.ts";
import { type Failure, failureFromApi } from "../softphone/failure.ts";
import { FailureNotice } from "./FailureNotice.tsx";

export function SignIn({
  title,
  onSignedIn,
}: {
  title: string;
  onSignedIn: (session: SignedIn) => void;
}) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      onSignedIn(await signIn(username, password));
    } catch (reason) {
      setFailure(signInFailure(failureFromApi(reason)));
      setBusy(false);
    }
  };
  return (
    <Paper withBorder radius="lg" p="xl" maw={400} mx="auto" bg="var(--offhook-surface)">
      <form onSubmit={(event) => void submit(event)}>
        <Stack>
          <Title order={1} size="h3">
            {title}
          </Title>
          {failure && <FailureNotice failure={failure} />}
          <TextInput
            label="User name"
            name="username"
            autoComplete="username"
            required
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" loading={busy}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Paper>
  );
}

function signInFailure(failure: Failure): Failure {
  if (failure.kind !== "unauthorised") return failure;
  return {
    ...failure,
    title: "User name or password is wrong",
    advice: "Check both and try again.",
    detail: null,
  };
}
