"""Training: one network, many side by side, two against each other, players."""

from coordlib.lab.training.actor_critic import actor_critic
from coordlib.lab.training.adversarial import GANHistory, draw_latents, fit_gan
from coordlib.lab.training.device import denormals_flushed, device_seconds, spare_cpu
from coordlib.lab.training.loop import History, fit
from coordlib.lab.training.losses import pixel_cross_entropy
from coordlib.lab.training.playing import (
    Played,
    PlayHistory,
    epsilon_greedy_policy,
    play,
    random_policy,
    sampling_policy,
)
from coordlib.lab.training.q_learning import q_learning
from coordlib.lab.training.resume import CheckpointError
from coordlib.lab.training.schedules import schedule_factor
from coordlib.lab.training.stacked import fit_many

__all__ = [
    "CheckpointError",
    "GANHistory",
    "History",
    "PlayHistory",
    "Played",
    "actor_critic",
    "denormals_flushed",
    "device_seconds",
    "draw_latents",
    "epsilon_greedy_policy",
    "fit",
    "fit_gan",
    "fit_many",
    "pixel_cross_entropy",
    "play",
    "q_learning",
    "random_policy",
    "sampling_policy",
    "schedule_factor",
    "spare_cpu",
]
