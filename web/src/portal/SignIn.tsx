import { Button, Paper, PasswordInput, Stack, TextInput, Title } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { type SignedIn, signIn } from "../api/client.ts";
import { type Failure, failureFromApi } from "../softphone/failure.ts";
import { FailureNotice } from "./FailureNotice.tsx";
import { signInFailure } from "./words.ts";

export function SignIn({
  title,
  reason = null,
  onSignedIn,
}: {
  title: string;
  /** Why the person has to sign in again. */
  reason?: Failure | null;
  onSignedIn: (session: SignedIn) => void;
}) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(reason);
  const first = useRef<HTMLInputElement>(null);
  const second = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      onSignedIn(await signIn(username, password));
    } catch (reason) {
      setFailure(signInFailure(failureFromApi(reason)));
      setBusy(false);
      second.current?.select();
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
            ref={first}
            label="User name"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            size="md"
            required
            withAsterisk={false}
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
          />
          <PasswordInput
            ref={second}
            label="Password"
            name="password"
            autoComplete="current-password"
            size="md"
            required
            withAsterisk={false}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" size="md" loading={busy}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Paper>
  );
}
