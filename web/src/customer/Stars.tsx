import { IconStar, IconStarFilled } from "@tabler/icons-react";
import { useId } from "react";
import classes from "./Stars.module.css";

const STARS = [1, 2, 3, 4, 5];

/** One to five stars as a group of radio buttons; 0 while none is chosen. */
export function Stars({
  value,
  onChange,
  labelledBy,
}: {
  value: number;
  onChange: (stars: number) => void;
  labelledBy: string;
}) {
  const name = useId();
  return (
    <fieldset className={classes.stars} aria-labelledby={labelledBy}>
      {STARS.map((stars) => {
        const Icon = stars <= value ? IconStarFilled : IconStar;
        return (
          <label key={stars} className={classes.star} data-full={stars <= value || undefined}>
            <input
              type="radio"
              name={name}
              aria-label={stars === 1 ? "1 star" : `${stars} stars`}
              checked={stars === value}
              onChange={() => onChange(stars)}
            />
            <Icon size={28} aria-hidden />
          </label>
        );
      })}
    </fieldset>
  );
}
