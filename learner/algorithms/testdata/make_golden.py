#!/usr/bin/env python3
"""Writes golden_ALGORITHM.json: losses, gradients and parameters of a few updates,
computed by PyTorch's modules, autograd and optimisers.

    python3 -m pip install torch==2.11.0 && python3 make_golden.py

Plain PyTorch on purpose: it shares nothing with the C++ it checks. Computed in
float64 from float32 inputs, so that what differs is the C++'s rounding.
"""

import itertools
import json
import math
import pathlib

import torch
from torch import nn
from torch.distributions import Categorical, Normal

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)
torch.manual_seed(7)
RETURNS = torch.Generator().manual_seed(11)

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "leaky_relu": nn.LeakyReLU}


def draw(*shape, scale=1.0):
    """Values that float32 holds exactly and a short decimal prints exactly."""
    return torch.round(torch.randn(*shape) * scale * 1024) / 1024


def flags(*shape, share):
    return (torch.rand(*shape) < share).to(torch.float64)


def mlp(sizes, activation, layer_norm=False):
    layers = []
    for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:])):
        layer = nn.Linear(fan_in, fan_out)
        with torch.no_grad():
            layer.weight.copy_(draw(fan_out, fan_in, scale=1 / math.sqrt(fan_in)))
            layer.bias.copy_(draw(fan_out, scale=0.1))
        layers.append(layer)
        if i + 2 < len(sizes):
            if layer_norm:
                layers.append(nn.LayerNorm(fan_out))
                with torch.no_grad():
                    layers[-1].weight.copy_(1 + draw(fan_out, scale=0.3))
                    layers[-1].bias.copy_(draw(fan_out, scale=0.3))
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def flat(parameters):
    return torch.cat([p.detach().reshape(-1) for p in parameters])


def flat_gradient(parameters):
    return torch.cat([p.grad.reshape(-1) for p in parameters])


def side_by_side(critics, of=lambda p: p):
    """Critics in the C++'s order: layer by layer, all weights, all biases."""
    layers = zip(*(critic.parameters() for critic in critics))
    return torch.cat([of(p).detach().reshape(-1) for layer in layers for p in layer])


def q(nets, x, a):
    return torch.stack([net(torch.cat([x, a], -1)).squeeze(-1) for net in nets])


def least(nets, x):
    """The value of actions in x that twin critics agree on."""
    return lambda a: q(nets, x, a).min(0).values


def regression_loss(values, y, weight, loss):
    """Summed over the critics, with half the square as the mean square's loss."""

    def each(v):
        if loss == "huber":
            return nn.functional.smooth_l1_loss(v, y, reduction="none")
        return 0.5 * nn.functional.mse_loss(v, y, reduction="none")

    return sum((weight * each(v)).mean() for v in values)


def copies(nets, sizes, activation, layer_norm):
    targets = [mlp(sizes, activation, layer_norm) for _ in nets]
    for target, net in zip(targets, nets):
        target.load_state_dict(net.state_dict())
    return targets


@torch.no_grad()
def follow(targets, nets, tau):
    for target, net in zip(targets, nets):
        for pt, p in zip(target.parameters(), net.parameters()):
            pt.lerp_(p, tau)


CLONED = {"demonstrations": 4, "policy_weight": 0.2, "cloning_weight": 0.05}


def cloned(policy_loss, cloning, value, own, demonstrated):
    """The loss with the imitation of the last rows of a batch, and that part alone."""
    last = slice(len(own) - cloning["demonstrations"], None)
    with torch.no_grad():
        better = value(demonstrated) > value(own)
    kept = better[last].to(torch.float64) if cloning["q_filter"] else torch.ones(cloning["demonstrations"])
    imitation = cloning["cloning_weight"] * (kept * ((own - demonstrated)[last] ** 2).sum(-1)).sum()
    return cloning["policy_weight"] * policy_loss + imitation, {
        "cloning_loss": imitation.item(), "cloned_share": kept.mean().item(),
    }


def transitions(batch, observation, action):
    s, a, r, d = draw(batch, observation), draw(batch, action).tanh(), draw(batch), flags(batch, share=0.3)
    return s, torch.round(a * 1024) / 1024, r, d, draw(batch, observation)


def returns(batch, gamma):
    """Discounts of runs of one to three steps, and importance weights."""
    steps = torch.randint(1, 4, (batch,), generator=RETURNS)
    return gamma**steps, torch.randint(1, 1025, (batch,), generator=RETURNS) / 1024


def dump(name, golden):
    def plain(value):
        if isinstance(value, torch.Tensor):
            return {"shape": list(value.shape), "values": [float(f"{v:.9g}") for v in value.detach().reshape(-1)]}
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return value

    (HERE / name).write_text(json.dumps(plain(golden), separators=(",", ":")) + "\n")


def squashed(actor, x, noise):
    """Actions of a squashed Gaussian policy, and their log probabilities."""
    loc, log_std = actor(x).chunk(2, -1)
    log_std = log_std.clamp(-20, 2)
    u = loc + log_std.exp() * noise
    a = torch.tanh(u)
    # 1 - tanh(u)^2 = (2 / (e^u + e^-u))^2
    log_prob = Normal(loc, log_std.exp()).log_prob(u) - 2 * (math.log(2) - torch.logaddexp(u, -u))
    return a, log_prob.sum(-1)


def sac_case(
    activation,
    normalize,
    loss,
    layer_norm=False,
    cloning=None,
    critic_count=2,
    target_critics=None,
    policy_value="minimum",
    policy_delay=1,
    critic_layer_norm=False,
):
    """SAC; with more critics, of which `target_critics` are drawn for the target: REDQ and RLPD."""
    observation, action, batch, hidden = 3, 2, 6, [5, 4]
    gamma, tau, learning_rate, alpha = 0.95, 0.05, 3e-3, 0.4
    critics_normed = layer_norm or critic_layer_norm
    mean, std, clip = draw(observation, scale=0.5), draw(observation).abs() + 0.5, 1.5
    actor = mlp([observation] + hidden + [2 * action], activation, layer_norm)
    with torch.no_grad():  # Some log standard deviations beyond their bound of 2.
        actor[-1].bias[action] = 2.0
    critic_sizes = [observation + action] + hidden + [1]
    critics = [mlp(critic_sizes, activation, critics_normed) for _ in range(critic_count)]
    targets = copies(critics, critic_sizes, activation, critics_normed)
    log_alpha = torch.tensor(math.log(alpha), requires_grad=True)
    critic_parameters = [p for critic in critics for p in critic.parameters()]
    actor_optimiser = torch.optim.Adam(actor.parameters(), lr=learning_rate)
    critic_optimiser = torch.optim.Adam(critic_parameters, lr=learning_rate)
    alpha_optimiser = torch.optim.Adam([log_alpha], lr=learning_rate)

    def normalized(x):
        return ((x - mean) / std).clamp(-clip, clip) if normalize else x

    golden = {
        "activation": activation, "layer_norm": layer_norm, "normalize": normalize, "hidden": hidden,
        "tau": tau, "learning_rate": learning_rate, "temperature": alpha, "clip": clip,
        "critic_loss": loss, "mean": mean, "std": std, "actor": flat(actor.parameters()),
        "critics": side_by_side(critics),
        "critic_count": critic_count, "target_critics": target_critics or critic_count,
        "policy_value": policy_value, "policy_delay": policy_delay, "critic_layer_norm": critics_normed,
        "updates": [],
    } | ({"cloning": cloning} if cloning else {})
    for step in range(3):
        s, a, r, d, s2 = transitions(batch, observation, action)
        discount, weight = returns(batch, gamma)
        noise = draw(2 * batch, action)
        x, x2 = normalized(s), normalized(s2)
        temperature = log_alpha.exp().detach()
        drawn = list(range(critic_count))
        if target_critics:
            drawn = torch.randperm(critic_count, generator=RETURNS)[:target_critics].tolist()
        with torch.no_grad():
            a2, log_prob2 = squashed(actor, x2, noise[:batch])
            least_target = q([targets[j] for j in drawn], x2, a2).min(0).values
            y = r + discount * (1 - d) * (least_target - temperature * log_prob2)
        values = q(critics, x, a)
        critic_loss = regression_loss(values, y, weight, loss)
        errors = (values - y).abs().mean(0)
        critic_optimiser.zero_grad()
        critic_loss.backward()
        critic_gradient = side_by_side(critics, lambda p: p.grad)
        critic_optimiser.step()

        a_pi, log_prob = squashed(actor, x, noise[batch:])
        values = q(critics, x, a_pi)
        value = values.mean(0) if policy_value == "mean" else values.min(0).values
        actor_loss = (temperature * log_prob - value).mean()
        if cloning:
            mean_action = torch.tanh(actor(x).chunk(2, -1)[0])
            actor_loss, imitation = cloned(actor_loss, cloning, least(critics, x), mean_action, a)
        alpha_loss = -(log_alpha * (log_prob.detach() - action)).mean()
        steps_policy = (step + 1) % policy_delay == 0
        if steps_policy:
            actor_optimiser.zero_grad()
            actor_loss.backward()
            actor_gradient = flat_gradient(actor.parameters())
            actor_optimiser.step()
            alpha_optimiser.zero_grad()
            alpha_loss.backward()
            alpha_optimiser.step()
        follow(targets, critics, tau)
        golden["updates"].append({
            "observation": s, "action": a, "reward": r, "next_observation": s2, "terminated": d,
            "discount": discount, "weight": weight, "errors": errors, "target_critics": drawn,
            "noise": noise, "critic_loss": critic_loss.item(), "critic_gradient": critic_gradient,
            "actor": flat(actor.parameters()), "critics": side_by_side(critics),
            "targets": side_by_side(targets), "log_alpha": log_alpha.item(),
        } | ({
            "actor_loss": actor_loss.item(), "entropy": -log_prob.mean().item(),
            "actor_gradient": actor_gradient, "alpha_gradient": log_alpha.grad.item(),
        } if steps_policy else {}) | (imitation if cloning else {}))
    return golden


def quantile_loss(quantiles, y, weight):
    """Of quantiles [E, B, Q] against targets [B, M]: the mean over all, as in sb3-contrib."""
    count = quantiles.shape[-1]
    total = 0.0
    for critic in quantiles:
        for k in range(count):
            e = y - critic[:, k : k + 1]
            fraction = (2 * k + 1) / (2 * count)
            huber = nn.functional.huber_loss(y, critic[:, k : k + 1].expand_as(y), reduction="none", delta=1.0)
            total = total + (weight * ((fraction - (e.detach() < 0).to(e)).abs() * huber).mean(-1)).mean()
    return total / (len(quantiles) * count)


def tqc_case(activation, normalize, critic_count=2, count=5, dropped=2, layer_norm=False, cloning=None):
    """sac_case with quantiles; `count` of each critic, of which the `dropped` highest are left out."""
    observation, action, batch, hidden = 3, 2, 6, [5, 4]
    gamma, tau, learning_rate, alpha = 0.95, 0.05, 3e-3, 0.4
    mean, std, clip = draw(observation, scale=0.5), draw(observation).abs() + 0.5, 1.5
    critic_sizes = [observation + action] + hidden + [count]
    actor = mlp([observation] + hidden + [2 * action], activation, layer_norm)
    critics = [mlp(critic_sizes, activation, layer_norm) for _ in range(critic_count)]
    targets = copies(critics, critic_sizes, activation, layer_norm)
    log_alpha = torch.tensor(math.log(alpha), requires_grad=True)
    actor_optimiser = torch.optim.Adam(actor.parameters(), lr=learning_rate)
    critic_optimiser = torch.optim.Adam([p for c in critics for p in c.parameters()], lr=learning_rate)
    alpha_optimiser = torch.optim.Adam([log_alpha], lr=learning_rate)

    def normalized(x):
        return ((x - mean) / std).clamp(-clip, clip) if normalize else x

    def z(nets, x, a):
        return torch.stack([net(torch.cat([x, a], -1)) for net in nets])

    golden = {
        "activation": activation, "layer_norm": layer_norm, "normalize": normalize, "hidden": hidden,
        "tau": tau, "learning_rate": learning_rate, "temperature": alpha, "clip": clip,
        "critic_count": critic_count, "quantiles": count, "dropped_quantiles": dropped,
        "mean": mean, "std": std, "actor": flat(actor.parameters()), "critics": side_by_side(critics),
        "updates": [],
    } | ({"cloning": cloning} if cloning else {})
    for _ in range(3):
        s, a, r, d, s2 = transitions(batch, observation, action)
        r = 2 * r  # Errors on both sides of Huber's bound.
        discount, weight = returns(batch, gamma)
        noise = draw(2 * batch, action)
        x, x2 = normalized(s), normalized(s2)
        temperature = log_alpha.exp().detach()
        with torch.no_grad():
            a2, log_prob2 = squashed(actor, x2, noise[:batch])
            joined = torch.cat(list(z(targets, x2, a2)), -1).sort(-1).values
            kept = joined[:, : critic_count * (count - dropped)]
            y = r[:, None] + (discount * (1 - d))[:, None] * (kept - temperature * log_prob2[:, None])
        quantiles = z(critics, x, a)
        critic_loss = quantile_loss(quantiles, y, weight)
        errors = (quantiles.mean(-1) - y.mean(-1)).abs().mean(0)
        critic_optimiser.zero_grad()
        critic_loss.backward()
        critic_gradient = side_by_side(critics, lambda p: p.grad)
        critic_optimiser.step()

        a_pi, log_prob = squashed(actor, x, noise[batch:])
        actor_loss = (temperature * log_prob - z(critics, x, a_pi).mean((0, 2))).mean()
        if cloning:
            mean_action = torch.tanh(actor(x).chunk(2, -1)[0])
            values = lambda own: z(critics, x, own).mean((0, 2))
            actor_loss, imitation = cloned(actor_loss, cloning, values, mean_action, a)
        actor_optimiser.zero_grad()
        actor_loss.backward()
        actor_gradient = flat_gradient(actor.parameters())
        actor_optimiser.step()

        alpha_loss = -(log_alpha * (log_prob.detach() - action)).mean()
        alpha_optimiser.zero_grad()
        alpha_loss.backward()
        alpha_optimiser.step()
        follow(targets, critics, tau)
        golden["updates"].append({
            "observation": s, "action": a, "reward": r, "next_observation": s2, "terminated": d,
            "discount": discount, "weight": weight, "errors": errors,
            "noise": noise, "critic_loss": critic_loss.item(), "actor_loss": actor_loss.item(),
            "entropy": -log_prob.mean().item(), "critic_gradient": critic_gradient,
            "actor_gradient": actor_gradient, "alpha_gradient": log_alpha.grad.item(),
            "actor": flat(actor.parameters()), "critics": side_by_side(critics),
            "targets": side_by_side(targets), "log_alpha": log_alpha.item(),
        } | (imitation if cloning else {}))
    return golden


def td3_case(
    activation,
    normalize,
    loss="mse",
    action_l2=0.0,
    layer_norm=False,
    critic_count=2,
    policy_delay=2,
    noise_std=0.7,
    cloning=None,
):
    """TD3; with one critic, no delay and no noise on the target's actions: DDPG."""
    observation, action, batch, hidden = 3, 2, 6, [5, 4]
    gamma, tau, learning_rate, noise_clip = 0.95, 0.05, 3e-3, 0.5
    mean, std, clip = draw(observation, scale=0.5), draw(observation).abs() + 0.5, 1.5
    critic_sizes = [observation + action] + hidden + [1]
    actor = mlp([observation] + hidden + [action], activation, layer_norm)
    critics = [mlp(critic_sizes, activation, layer_norm) for _ in range(critic_count)]
    (target_actor,) = copies([actor], [observation] + hidden + [action], activation, layer_norm)
    targets = copies(critics, critic_sizes, activation, layer_norm)
    actor_optimiser = torch.optim.Adam(actor.parameters(), lr=learning_rate)
    critic_optimiser = torch.optim.Adam([p for c in critics for p in c.parameters()], lr=learning_rate)

    def normalized(x):
        return ((x - mean) / std).clamp(-clip, clip) if normalize else x

    golden = {
        "activation": activation, "layer_norm": layer_norm, "normalize": normalize, "hidden": hidden,
        "tau": tau, "learning_rate": learning_rate, "policy_delay": policy_delay, "clip": clip,
        "target_noise_std": noise_std, "target_noise_clip": noise_clip, "critic_loss": loss,
        "action_l2": action_l2, "mean": mean, "std": std, "actor": flat(actor.parameters()),
        "critics": side_by_side(critics), "updates": [],
    } | ({"cloning": cloning} if cloning else {})
    for step in range(1, 5):
        s, a, r, d, s2 = transitions(batch, observation, action)
        discount, weight = returns(batch, gamma)
        noise = draw(batch, action)
        x, x2 = normalized(s), normalized(s2)
        with torch.no_grad():
            a2 = torch.tanh(target_actor(x2))
            a2 = (a2 + (noise * noise_std).clamp(-noise_clip, noise_clip)).clamp(-1, 1)
            y = r + discount * (1 - d) * q(targets, x2, a2).min(0).values
        values = q(critics, x, a)
        critic_loss = regression_loss(values, y, weight, loss)
        errors = (values - y).abs().mean(0)
        critic_optimiser.zero_grad()
        critic_loss.backward()
        critic_gradient = side_by_side(critics, lambda p: p.grad)
        critic_optimiser.step()
        update = {
            "observation": s, "action": a, "reward": r, "next_observation": s2, "terminated": d,
            "discount": discount, "weight": weight, "errors": errors,
            "noise": noise, "critic_loss": critic_loss.item(), "critic_gradient": critic_gradient,
        }
        if step % policy_delay == 0:
            a_pi = torch.tanh(actor(x))
            actor_loss = -q(critics[:1], x, a_pi).mean() + action_l2 * (a_pi**2).mean()
            if cloning:
                actor_loss, imitation = cloned(actor_loss, cloning, least(critics, x), a_pi, a)
                update |= imitation
            actor_optimiser.zero_grad()
            actor_loss.backward()
            update["actor_loss"] = actor_loss.item()
            update["actor_gradient"] = flat_gradient(actor.parameters())
            actor_optimiser.step()
            follow(targets, critics, tau)
            follow([target_actor], [actor], tau)
        golden["updates"].append(update | {
            "actor": flat(actor.parameters()), "critics": side_by_side(critics),
            "target_actor": flat(target_actor.parameters()), "targets": side_by_side(targets),
        })
    return golden


def ddpg_case(activation, normalize, loss="mse", action_l2=0.0, layer_norm=False, cloning=None):
    single = {"critic_count": 1, "policy_delay": 1, "noise_std": 0.0}
    return td3_case(activation, normalize, loss, action_l2, layer_norm, **single, cloning=cloning)


def gae(value, final_value, reward, terminated, truncated, valid, gamma, gae_lambda):
    """The textbook sum: each step's deltas, discounted, until its trace ends."""
    steps, slots = reward.shape
    row, bootstrap = 0, torch.zeros(steps, slots)
    for t, n in itertools.product(range(steps), range(slots)):
        ended = terminated[t, n] + truncated[t, n] > 0
        bootstrap[t, n] = 0.0 if terminated[t, n] else final_value[row] if ended else value[t + 1, n]
        row += int(ended)
    advantage = torch.zeros(steps, slots)
    for t, n in itertools.product(range(steps), range(slots)):
        weight = 1.0
        for k in range(t, steps):
            if not valid[k, n]:
                break
            advantage[t, n] += weight * (reward[k, n] + gamma * bootstrap[k, n] - value[k, n])
            if terminated[k, n] or truncated[k, n]:
                break
            weight *= gamma * gae_lambda
    return advantage


# Of observations and actions of three numbers: where each comes from, and with which sign.
MIRROR = {"observation": ([1, 0, 2], [1, 1, -1]), "action": ([0, 2, 1], [-1, -1, -1])}


def mirrored(rows, name):
    source, sign = MIRROR[name]
    return rows[..., source] * torch.tensor(sign, dtype=torch.float64)


def ppo_case(choices, activation, normalize, value_clip, layer_norm=False, floor=False, symmetry="none"):
    """`choices`: of each component of the action; empty: a Box of 3. `floor`: the deviations soon reach their least."""
    observation, actions, hidden = 3, sum(choices) or 3, [5, 4]
    steps, slots, minibatch, epochs = 6, 3, 6, 2
    gamma, gae_lambda, epsilon, value_coef, entropy_coef, norm_max = 0.9, 0.8, 0.1, 0.6, 0.02, 0.4
    learning_rate = 1e-2
    mean, std, clip = draw(observation, scale=0.5), draw(observation).abs() + 0.5, 1.5
    actor = mlp([observation] + hidden + [actions], activation, layer_norm)
    value = mlp([observation] + hidden + [1], activation, layer_norm)
    policy_parameters = list(actor.parameters())
    if not choices:
        log_std = nn.Parameter(draw(actions, scale=0.3))
        policy_parameters.append(log_std)
    parameters = policy_parameters + list(value.parameters())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, eps=1e-5)
    std_min = 0.0
    if floor:
        with torch.no_grad():
            log_std.fill_(-0.25)
        std_min = math.exp(-0.2505)
    times_held = 0

    def normalized(x):
        return ((x - mean) / std).clamp(-clip, clip) if normalize else x

    def evaluate(x, a):
        if choices:
            components = [Categorical(logits=logits) for logits in actor(x).split(choices, -1)]
            return (
                sum(each.log_prob(a[..., i]) for i, each in enumerate(components)),
                sum(each.entropy() for each in components),
            )
        distribution = Normal(actor(x), log_std.exp())
        return distribution.log_prob(a).sum(-1), distribution.entropy().sum(-1)

    terminated = flags(steps, slots, share=0.2)
    truncated = flags(steps, slots, share=0.2) * (1 - terminated)
    valid = 1 - flags(steps, slots, share=0.15) * (1 - terminated) * (1 - truncated)
    s, r = draw(steps + 1, slots, observation), draw(steps, slots)
    if choices:
        a = torch.cat([torch.randint(n, (steps, slots, 1)) for n in choices], -1).to(torch.float64)
    else:
        a = draw(steps, slots, actions)
    final = draw(int((terminated + truncated).sum()), observation)
    with torch.no_grad():  # As if an older policy had acted.
        log_prob, _ = evaluate(normalized(s[:-1]), a)
        behaviour_log_prob = torch.round((log_prob + draw(steps, slots, scale=0.15)) * 1024) / 1024
        v, v_final = value(normalized(s)).squeeze(-1), value(normalized(final)).squeeze(-1)
        advantage = gae(v, v_final, r, terminated, truncated, valid, gamma, gae_lambda)
    order = torch.stack([torch.randperm(steps * slots) for _ in range(epochs)])
    golden = {
        "choices": choices, "activation": activation, "layer_norm": layer_norm,
        "normalize": normalize, "hidden": hidden,
        "gamma": gamma, "gae_lambda": gae_lambda, "clip_epsilon": epsilon, "value_clip": value_clip,
        "value_coef": value_coef, "entropy_coef": entropy_coef, "gradient_norm_max": norm_max,
        "learning_rate": learning_rate, "minibatch_size": minibatch, "epochs": epochs, "clip": clip,
        "std_min": std_min, "symmetry": symmetry, "mirror": MIRROR,
        "mean": mean, "std": std, "policy": flat(policy_parameters), "value": flat(value.parameters()),
        "observation": s, "action": a, "reward": r, "terminated": terminated, "truncated": truncated,
        "valid": valid, "behaviour_log_prob": behaviour_log_prob, "final_observation": final,
        "order": order.to(torch.float64), "state_value": v, "final_value": v_final,
        "advantage": advantage, "losses": [],
    }
    rows = [t.flatten(0, 1) for t in (normalized(s[:-1]), a, behaviour_log_prob, advantage, v[:-1], valid)]
    if symmetry == "augment":
        mirrored_x = normalized(mirrored(s[:-1], "observation")).flatten(0, 1)
        mirrored_act = mirrored(a, "action").flatten(0, 1)
    for epoch in range(epochs):
        for index in order[epoch].split(minibatch):
            index = index[rows[5][index] > 0]  # Void steps are not there at all.
            x, act, old_log_prob, adv, old_value, _ = [row[index] for row in rows]
            if symmetry == "augment":
                x, act = torch.cat([x, mirrored_x[index]]), torch.cat([act, mirrored_act[index]])
                old_log_prob, adv, old_value = [torch.cat([t, t]) for t in (old_log_prob, adv, old_value)]
            target = adv + old_value
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
            log_prob, entropy = evaluate(x, act)
            ratio = (log_prob - old_log_prob).exp()
            policy_loss = -torch.min(ratio * adv, ratio.clamp(1 - epsilon, 1 + epsilon) * adv).mean()
            new_value = value(x).squeeze(-1)
            value_loss = (new_value - target) ** 2
            if value_clip > 0:
                clipped = old_value + (new_value - old_value).clamp(-value_clip, value_clip)
                value_loss = torch.max(value_loss, (clipped - target) ** 2)
            value_loss = value_loss.mean()
            loss = policy_loss + value_coef * value_loss - entropy_coef * entropy.mean()
            optimiser.zero_grad()
            loss.backward()
            if floor:  # What would lower a deviation that is at its least.
                held = (log_std <= math.log(std_min)) & (log_std.grad > 0)
                log_std.grad[held] = 0
                times_held += int(held.sum())
            norm = nn.utils.clip_grad_norm_(parameters, norm_max)
            optimiser.step()
            if floor:
                log_std.data.clamp_(min=math.log(std_min))
            golden["losses"].append({
                "policy_loss": policy_loss.item(), "value_loss": value_loss.item(),
                "entropy": entropy.mean().item(), "gradient_norm": norm.item(),
                "approx_kl": (ratio - 1 - ratio.log()).mean().item(),
                "clip_fraction": ((ratio - 1).abs() > epsilon).to(torch.float64).mean().item(),
            })
    assert (times_held > 0) == floor, "the case must reach the least deviation"
    golden["policy_gradient"] = flat_gradient(policy_parameters)
    golden["value_gradient"] = flat_gradient(list(value.parameters()))
    golden["policy_after"] = flat(policy_parameters)
    golden["value_after"] = flat(value.parameters())
    return golden


CASES = {
    "sac": [
        sac_case("relu", normalize=False, loss="mse"),
        sac_case("tanh", normalize=True, loss="mse"),
        sac_case("elu", normalize=True, loss="mse"),
        sac_case("leaky_relu", normalize=False, loss="huber"),
    ],
    "ppo": [
        ppo_case(choices=[], activation="tanh", normalize=True, value_clip=0.0),
        ppo_case(choices=[], activation="relu", normalize=False, value_clip=0.2),
        ppo_case(choices=[3], activation="elu", normalize=True, value_clip=0.2),
        ppo_case(choices=[3], activation="leaky_relu", normalize=False, value_clip=0.0),
    ],
    "td3": [
        td3_case("relu", normalize=False),
        td3_case("tanh", normalize=True, loss="huber"),
        td3_case("elu", normalize=True, action_l2=0.7, policy_delay=3),
        td3_case("leaky_relu", normalize=False, loss="huber", action_l2=0.3, policy_delay=1),
    ],
    "ddpg": [
        ddpg_case("relu", normalize=False),
        ddpg_case("tanh", normalize=True, action_l2=0.7),
        ddpg_case("elu", normalize=True, loss="huber"),
    ],
}
# Drawn after all others, which keep their values.
CASES["sac"].append(sac_case("tanh", normalize=True, loss="mse", layer_norm=True))
CASES["ppo"].append(ppo_case(choices=[], activation="elu", normalize=True, value_clip=0.0, layer_norm=True))
CASES["td3"].append(td3_case("relu", normalize=True, layer_norm=True))
CASES["ddpg"].append(ddpg_case("tanh", normalize=False, layer_norm=True))
CASES["cloning"] = {
    "sac": [sac_case("tanh", q_filter, "mse", cloning=CLONED | {"q_filter": q_filter}) for q_filter in (False, True)],
    "td3": [
        td3_case("elu", q_filter, action_l2=0.7, cloning=CLONED | {"q_filter": q_filter}) for q_filter in (False, True)
    ],
    "ddpg": [ddpg_case("tanh", q_filter, cloning=CLONED | {"q_filter": q_filter}) for q_filter in (False, True)],
}
CASES["ppo"].append(ppo_case(choices=[3, 1, 2], activation="tanh", normalize=True, value_clip=0.2))
CASES["tqc"] = [
    tqc_case("relu", normalize=False),
    tqc_case("tanh", normalize=True, critic_count=5, count=3, dropped=1),
    tqc_case("elu", normalize=True, dropped=0),
    tqc_case("leaky_relu", normalize=False, critic_count=3, layer_norm=True),
]
CASES["cloning"]["tqc"] = [
    tqc_case("tanh", q_filter, cloning=CLONED | {"q_filter": q_filter}) for q_filter in (False, True)
]
CASES["sac"] += [
    sac_case("relu", True, "mse", critic_count=4, target_critics=2, policy_value="mean", critic_layer_norm=True),
    sac_case("tanh", False, "huber", critic_count=3, policy_delay=2),
]
CASES["ppo"] += [
    ppo_case(choices=[], activation="leaky_relu", normalize=True, value_clip=0.2, floor=True),
    ppo_case(choices=[], activation="elu", normalize=True, value_clip=0.2, symmetry="augment"),
    ppo_case(choices=[], activation="tanh", normalize=False, value_clip=0.0, floor=True, symmetry="augment"),
]
for name, cases in CASES.items():
    dump(f"golden_{name}.json", cases)
