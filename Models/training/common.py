"""A training by the clock: averaged weights, learning rates, checkpoints, the log."""

import json
import os
import pathlib
import time

import numpy as np
import torch

SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", rescale_betas_zero_snr=True)


class Run:
    """A training by the clock: `minutes` in all, also over interruptions (`folder`/state.pt)."""

    def __init__(self, folder, parameters, minutes, rate, faster=None, save_every=240):
        self.folder, self.parameters, self.minutes, self.rate = pathlib.Path(folder), parameters, minutes, rate
        self.folder.mkdir(parents=True, exist_ok=True)
        self.average = [q.detach().clone() for q in parameters]
        faster = faster or [1] * len(parameters)  # each parameter's own multiple of the rate
        self.multiples = sorted(set(faster))
        groups = [{"params": [q for q, f in zip(parameters, faster, strict=True) if f == m]} for m in self.multiples]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), weight_decay=1e-3)
        self.step, self.spent, self.save_every, self.seen, self.saved = 0, 0.0, save_every, [], 0.0
        self.state = self.folder / "state.pt"
        if self.state.exists():
            s = torch.load(self.state, weights_only=True)
            self.optimizer.load_state_dict(s["optimizer"])
            self.step, self.spent, self.saved = s["step"], s["spent"], s["spent"]
            with torch.no_grad():
                torch._foreach_copy_(self.parameters, s["parameters"])
                torch._foreach_copy_(self.average, s["average"])
        self.clock = time.monotonic()

    @property
    def done(self):
        return self.spent / 60 / self.minutes

    def descend(self, loss, note):
        """One step of the optimizer on `loss`; `note` is what the log averages. True when the time is up."""
        warm = min(1, (self.step + 1) / 100)
        for group, multiple in zip(self.optimizer.param_groups, self.multiples, strict=True):
            group["lr"] = multiple * self.rate * warm * (1 - min(1, self.done)) ** 0.9 + 1e-5
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(0.999, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [q.detach() for q in self.parameters], 1 - keep)
        now = time.monotonic()
        self.spent += min(now - self.clock, 10)  # a pause does not count
        self.clock = now
        self.seen.append(note)
        if self.step % 100 == 0:
            means = {k: float(np.mean([s[k] for s in self.seen if k in s])) for s in self.seen for k in s}
            self.seen = []
            line = {
                "step": self.step,
                "minutes": round(self.spent / 60, 2),
                **{k: round(v, 4) for k, v in means.items()},
            }
            print(line, flush=True)
            with open(self.folder / "log.jsonl", "a") as log:
                print(json.dumps(line), file=log)
        if self.spent - self.saved > self.save_every or self.done >= 1:
            self.saved = self.spent
            self.checkpoint()
        return self.done >= 1

    def checkpoint(self):
        torch.save(
            {
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "spent": self.spent,
                "parameters": [q.detach() for q in self.parameters],
                "average": self.average,
            },
            f"{self.state}.part",
        )
        os.replace(f"{self.state}.part", self.state)

    def averaged(self):
        """Puts the averaged weights into the model."""
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.average)
