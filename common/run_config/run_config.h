// The whole configuration of a run. Users write it in deploy/configs/*.yaml and override it with
// `a.b=c`.
#ifndef ARMATURE_COMMON_RUN_CONFIG_RUN_CONFIG_H_
#define ARMATURE_COMMON_RUN_CONFIG_RUN_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/config/config.h"
#include "common/run_config/algorithm_config.h"
#include "common/run_config/parameter_config.h"

namespace armature {

struct RunSection {
  std::string name = "run";
  int64_t seed = 1;
  int64_t total_env_steps = 100000;
  std::string output_dir = "outputs";
  std::string type = "tensorboard";
  std::string wandb_project;
  std::string wandb_group;
  int64_t video_every = 0;
  std::string load;
  int64_t load_step = 0;

  void Visit(ConfigVisitor& v) {
    v.Field("name", name, "Names the run directory: <output_dir>/<name>/<date-time>.");
    v.Field("seed", seed, "Of networks, exploration and environments.", AtLeast(0));
    v.Field("total_env_steps", total_env_steps, "The run ends after this many.", AtLeast(1));
    v.Field("output_dir", output_dir, "Where run directories are made.");
    v.Field("type", type,
            "tensorboard: event files beside the CSV. debug: none, and all that the processes say "
            "on the console. wandb: as tensorboard, and Weights & Biases follows the run, offline "
            "where its client is not logged in or WANDB_MODE says so.",
            OneOf({"debug", "tensorboard", "wandb"}));
    v.Field("wandb_project", wandb_project,
            "Of Weights & Biases; empty: WANDB_PROJECT, or armature.");
    v.Field("wandb_group", wandb_group,
            "What the run belongs to there; empty: WANDB_RUN_GROUP, or none.");
    v.Field("video_every", video_every,
            "Of every so many evaluations, and of the last one, the first episode is recorded and "
            "made a video in the run's folder videos/; 0: of none.",
            AtLeast(0));
    v.Field("load", load,
            "Begin with what another run has learned (all but its experience): its folder, id or "
            "name; empty: from nothing.");
    v.Field("load_step", load_step,
            "At which env steps of that run, of those that it kept; 0: the last.", AtLeast(0));
  }
};

struct EnvironmentSection {
  std::string id = "panda_reach";
  std::map<std::string, std::string> config;

  void Visit(ConfigVisitor& v) {
    v.Field("id", id, "Registered name; `bazel run //envserver -- --list` shows them.");
    v.Field("config", config, "The environment's own keys; it refuses those it does not know.");
  }
};

struct CollectSection {
  int64_t envs_per_actor = 8;
  int64_t groups = 2;
  int64_t transitions_per_batch = 64;
  int64_t unacked_batches_max = 4;

  void Visit(ConfigVisitor& v) {
    v.Field("envs_per_actor", envs_per_actor, "Environments that each actor steps.", AtLeast(1));
    v.Field("groups", groups,
            "2: one half simulates while the policy runs for the other. 1: all in step.",
            Between(1, 2));
    v.Field("transitions_per_batch", transitions_per_batch,
            "Upper bound of what an actor sends at once (off-policy).", AtLeast(1));
    v.Field("unacked_batches_max", unacked_batches_max,
            "An actor stops stepping when this many batches wait for the learner.", AtLeast(1));
  }
};

struct PrioritizedSection {
  bool enabled = false;
  double alpha = 0.6;
  double beta = 0.4;
  double epsilon = 1e-6;

  void Visit(ConfigVisitor& v) {
    v.Field("enabled", enabled, "Draw steps by their temporal-difference error, not uniformly.");
    v.Field("alpha", alpha, "Power of the error: 0 is uniform, 1 in proportion.", Between(0, 1));
    v.Field("beta", beta,
            "Power of the importance weights that make up for it, at the start; 1 at the end.",
            Between(0, 1));
    v.Field("epsilon", epsilon, "Added to every error, so that none is 0.", MoreThan(0));
  }
};

struct HindsightSection {
  bool enabled = false;
  double k = 4;
  int64_t batches_ahead = 8;
  double timeout_s = 5;
  std::string env_servers;

  void Visit(ConfigVisitor& v) {
    v.Field("enabled", enabled,
            "Replace goals by such as were achieved later in the same episode; the environment "
            "must have goals, and its env servers compute the rewards.");
    v.Field("k", k, "Steps with such a goal for each that keeps its own.", MoreThan(0));
    v.Field("batches_ahead", batches_ahead,
            "Batches drawn at once, whose rewards one call to an env server computes.",
            Between(1, 1000));
    v.Field("timeout_s", timeout_s,
            "After it another env server is asked; the first answer of one, which may have to make "
            "the environment, has 120 s.",
            MoreThan(0));
    v.Field("env_servers", env_servers,
            "Where the learner asks for rewards: host:port,host:port; empty: the env servers of "
            "the actors, at the addresses that they use.");
  }
};

struct ReplaySection {
  double budget_mb = 512;
  int64_t rows_max = 1000000;
  std::string observation_type = "float32";
  int64_t n_step = 1;
  PrioritizedSection prioritized;
  HindsightSection hindsight;
  int64_t size_min = 1000;
  double samples_per_insert = 256;
  double samples_per_insert_tolerance = 0.1;

  void Visit(ConfigVisitor& v) {
    v.Field("budget_mb", budget_mb, "Memory for transitions, in MiB.", MoreThan(0));
    v.Field("rows_max", rows_max,
            "At most this many rows, whatever the budget: a transition takes one, an episode one "
            "more.",
            AtLeast(2));
    v.Field("observation_type", observation_type,
            "What observations are stored as; fields of uint8 are stored as such.",
            OneOf({"float32", "float16"}));
    v.Field("n_step", n_step, "Rewards summed before the value of the observation after them.",
            AtLeast(1));
    v.Section("prioritized", prioritized, "Prioritised sampling.");
    v.Section("hindsight", hindsight, "Hindsight experience replay.");
    v.Field("size_min", size_min, "Transitions before the first gradient step.", AtLeast(1));
    v.Field("samples_per_insert", samples_per_insert,
            "Transitions sampled for each one inserted: over the algorithm's batch_size, the "
            "gradient steps an env step. Whoever is ahead waits.",
            MoreThan(0));
    v.Field("samples_per_insert_tolerance", samples_per_insert_tolerance,
            "How far either side may run ahead, as a share of size_min * samples_per_insert.",
            MoreThan(0));
  }
};

struct EvaluationSection {
  int64_t every_env_steps = 5000;
  int64_t episodes = 20;
  int64_t num_envs = 10;
  double stop_at_success_rate = 0;
  bool stop_at_return_enabled = false;
  double stop_at_return = 0;
  double timeout_s = 120;
  int64_t episode_steps_max = 10000;
  std::map<std::string, std::string> parameters;

  void Visit(ConfigVisitor& v) {
    v.Field("every_env_steps", every_env_steps,
            "Deterministic episodes with their own seeds, run by an actor; 0: never.", AtLeast(0));
    v.Field("episodes", episodes, "Of each evaluation.", AtLeast(1));
    v.Field("num_envs", num_envs, "Environments that the evaluating actor opens.", AtLeast(1));
    v.Field("stop_at_success_rate", stop_at_success_rate,
            "The run ends, solved, when an evaluation reaches it; 0: off.", Between(0, 1));
    v.Field("stop_at_return_enabled", stop_at_return_enabled, "Whether stop_at_return counts.");
    v.Field("stop_at_return", stop_at_return,
            "The run ends, solved, when an evaluation's mean return reaches it.");
    v.Field("timeout_s", timeout_s,
            "An evaluation is asked of another actor when the one that has it has not got on for "
            "so long; twice as long with each asking.",
            MoreThan(0));
    v.Field("episode_steps_max", episode_steps_max,
            "Evaluated episodes of an environment without a time limit are cut after so many steps "
            "and count with what they have; 0: never.",
            Between(0, 1000000000));
    v.Field("parameters", parameters,
            "Of the environment in evaluations, by name, e.g. {disturbance: 0}; those not named "
            "have their initial values, whatever training's are.");
  }
};

struct CheckpointSection {
  double every_s = 60;
  int64_t keep = 2;
  bool replay = true;
  int64_t save_freq = 10000;
  int64_t models_keep = 50;
  std::string keep_best = "success";

  void Visit(ConfigVisitor& v) {
    v.Field("every_s", every_s, "Seconds between checkpoints; 0: only at the end.", AtLeast(0));
    v.Field("keep", keep, "Older ones are removed.", AtLeast(1));
    v.Field("replay", replay, "Whether the replay buffer is part of it.");
    v.Field("save_freq", save_freq,
            "Env steps between models by step, each with what run.load needs; 0: only at the end.",
            AtLeast(0));
    v.Field("models_keep", models_keep, "Of the models by step; older ones are removed.",
            AtLeast(1));
    v.Field("keep_best", keep_best,
            "What makes an evaluated policy the best one. success: the success rate, then the "
            "return, which alone counts where the environment reports no success. return. off: "
            "none is kept.",
            OneOf({"success", "return", "off"}));
  }
};

struct ReproducibleSection {
  bool enabled = false;
  int64_t round_length = 5;
  int64_t period_env_steps = 10000;

  void Visit(ConfigVisitor& v) {
    v.Field("enabled", enabled,
            "The same seed gives the same weights, bit for bit on CPU, whatever the number of env "
            "servers and whenever the run is killed and resumed. Acting and learning take turns.");
    v.Field("round_length", round_length,
            "Steps of each environment between learning (off-policy; algorithm.ppo.unroll_length "
            "on-policy).",
            AtLeast(1));
    v.Field("period_env_steps", period_env_steps,
            "Env steps between checkpoints, in place of checkpoint.every_s; every environment then "
            "begins a new episode.",
            AtLeast(1));
  }
};

struct LearnerSection {
  // Limited because each replica sends its whole state to replica 0, which averages on one thread.
  static constexpr int64_t kReplicasMax = 32;
  // A value of `listen`.
  static constexpr char kAuto[] = "auto";

  std::string device = "auto";
  int64_t threads = 1;
  int64_t publish_every_updates = 20;
  std::string listen = kAuto;
  std::string metrics_listen = "127.0.0.1:0";
  double log_every_s = 5;
  double unusable_experience_timeout_s = 60;
  int64_t replicas = 1;
  std::string averaging = "parameters";
  int64_t average_every_updates = 50;
  double average_timeout_s = 60;

  void Visit(ConfigVisitor& v) {
    v.Field("device", device, "Where updates run.", OneOf({"auto", "cpu", "cuda"}));
    v.Field("threads", threads, "Of LibTorch's matrix products.", AtLeast(1));
    v.Field("publish_every_updates", publish_every_updates,
            "Gradient steps between policy versions (off-policy).", AtLeast(1));
    v.Field("listen", listen,
            "Address for actors of other machines, host:port; port 0: any free one. auto: in a "
            "cluster a unix socket that only this user reaches, by hand any free port of "
            "127.0.0.1.");
    v.Field("metrics_listen", metrics_listen, "Address of /metrics; port 0: any; off: none.");
    v.Field("log_every_s", log_every_s,
            "Seconds between rows of progress.csv and of the event file.", MoreThan(0));
    v.Field("unusable_experience_timeout_s", unusable_experience_timeout_s,
            "The run ends, with the cause, when of the environment steps of so long nearly all "
            "(95 in 100) were void, since their simulators failed, or refused.",
            MoreThan(0));
    v.Field("replicas", replicas,
            "Learner processes that learn one policy together, each with its own seed (run.seed, "
            "run.seed + 1 ...), cluster.actors actors and replay. run.total_env_steps is that of "
            "all of them.",
            Between(1, kReplicasMax));
    v.Field("averaging", averaging,
            "What replicas average: parameters (and targets, optimiser moments, temperature) every "
            "average_every_updates, or also the gradients of every step.",
            OneOf({"parameters", "gradients"}));
    v.Field("average_every_updates", average_every_updates,
            "Gradient steps between two averages of the parameters.", AtLeast(1));
    v.Field("average_timeout_s", average_timeout_s,
            "The others go on without a replica that keeps them waiting longer.", MoreThan(0));
  }
};

struct ActorSection {
  std::string device = "cpu";
  int64_t threads = 1;

  void Visit(ConfigVisitor& v) {
    v.Field("device", device, "Where actors run the policy.", OneOf({"auto", "cpu", "cuda"}));
    v.Field("threads", threads, "Of LibTorch's matrix products.", AtLeast(1));
  }
};

// What the launcher starts on this machine.
struct ClusterSection {
  int64_t env_servers = 1;
  std::string env_server_command;
  std::string external_env_servers;
  int64_t actors = 1;
  int64_t env_server_threads = 2;
  int64_t restarts_max = 10;
  double restart_window_s = 600;
  double restart_backoff_s = 0.5;
  double ready_timeout_s = 60;
  double answer_timeout_s = 30;
  double progress_every_s = 2;

  void Visit(ConfigVisitor& v) {
    v.Field("env_servers", env_servers, "Environment-server processes to start.", AtLeast(0));
    v.Field("env_server_command", env_server_command,
            "What starts one, e.g. armature-serve --env Pendulum-v1: words as a shell splits them, "
            "the program looked up in PATH, our own flags added; empty: //envserver.");
    v.Field("external_env_servers", external_env_servers,
            "Env servers that run already, here or elsewhere, for the actors beside those started: "
            "host:port,host:port. With env_servers=0 also dns:name:port or file:PATH.");
    v.Field("actors", actors, "Actor processes.", AtLeast(1));
    v.Field("env_server_threads", env_server_threads, "Simulation threads of each //envserver.",
            AtLeast(1));
    v.Field("restarts_max", restarts_max,
            "A child that dies more often within cluster.restart_window_s of being healthy ends "
            "the run; deaths further apart are forgotten.",
            AtLeast(0));
    v.Field("restart_window_s", restart_window_s,
            "Time that a child must be up and ready, all its lives together, until a death of it "
            "is forgotten.",
            MoreThan(0));
    v.Field("restart_backoff_s", restart_backoff_s,
            "Wait before a restart; doubled for each death that is not forgotten, to 10 s.",
            MoreThan(0));
    v.Field("ready_timeout_s", ready_timeout_s, "A child must be ready within it.", MoreThan(0));
    v.Field("answer_timeout_s", answer_timeout_s,
            "A child that answers no health question for so long is frozen: it is killed, and "
            "restarted as one that died. Servers answer also while they learn, evaluate or write "
            "a checkpoint. 0: nobody is asked.",
            AtLeast(0));
    v.Field("progress_every_s", progress_every_s, "Seconds between progress lines.", MoreThan(0));
  }
};

struct RunConfig {
  RunSection run;
  EnvironmentSection environment;
  AlgorithmConfig algorithm;
  CollectSection collect;
  ReplaySection replay;
  EvaluationSection evaluation;
  CurriculumSection curriculum;
  CheckpointSection checkpoint;
  ReproducibleSection reproducible;
  LearnerSection learner;
  ActorSection actor;
  ClusterSection cluster;

  void Visit(ConfigVisitor& v) {
    v.Section("run", run, "The run as a whole.");
    v.Section("environment", environment, "What is learned.");
    v.Section("algorithm", algorithm, "How it is learned.");
    v.Section("collect", collect, "How actors gather experience.");
    v.Section("replay", replay, "Off-policy storage and the ratio of learning to acting.");
    v.Section("evaluation", evaluation, "Deterministic episodes, and when the run is solved.");
    v.Section(
        "curriculum", curriculum,
        "Raises and lowers a parameter of the environment as the policy gets better or worse.");
    v.Section("checkpoint", checkpoint, "What survives the learner.");
    v.Section("reproducible", reproducible, "Runs that can be repeated bit for bit.");
    v.Section("learner", learner, "The learner process.");
    v.Section("actor", actor, "The actor processes.");
    v.Section("cluster", cluster, "What `bazel run //deploy:cluster` starts.");
  }

  // Steps that a slot takes per grant: the length of a trajectory, or of a turn in a reproducible
  // run; 0 if actors collect freely.
  int64_t unroll_length() const;
  // Env steps in one turn of a reproducible run, summed over all actors.
  int64_t turn_steps() const;

  // Checks that involve several fields: settings that contradict each other, or would make
  // processes wait for each other for ever.
  // Returns InvalidArgument naming the keys, their values and what to change.
  absl::Status Validate() const;

  // Checks whether a run that has reached `env_steps` can continue with this configuration; see
  // Validate.
  // Returns FailedPrecondition naming the keys.
  absl::Status ValidateResume(uint64_t env_steps) const;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_RUN_CONFIG_H_
