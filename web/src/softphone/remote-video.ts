/** The other side's picture: there while it is agreed on and arrives. */
export class RemoteVideo {
  #track: MediaStreamTrack | null = null;
  #stream: MediaStream | null = null;
  #receiving = false;
  #shown: MediaStream | null = null;

  constructor(private readonly show: (stream: MediaStream | null) => void) {}

  /** A track that came with a description; one that came before is of no more use. */
  take(track: MediaStreamTrack): void {
    this.#track = track;
    this.#stream = new MediaStream([track]);
    for (const event of ["mute", "unmute", "ended"]) {
      track.addEventListener(event, () => this.#update());
    }
    this.#update();
  }

  /** Whether both sides agree that a picture comes. */
  setReceiving(receiving: boolean): void {
    this.#receiving = receiving;
    this.#update();
  }

  forget(): void {
    this.#track = null;
    this.#stream = null;
    this.#receiving = false;
    this.#shown = null;
  }

  #update(): void {
    const track = this.#track;
    const arrives = track !== null && !track.muted && track.readyState === "live";
    const shown = arrives && this.#receiving ? this.#stream : null;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.show(shown);
  }
}
