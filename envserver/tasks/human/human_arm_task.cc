#include "envserver/tasks/human/human_arm_task.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "envserver/human/human_figure.h"
#include "envserver/tasks/human/arm_cover.h"

namespace armature {
namespace {

constexpr double kPushed_s = 0.1;  // After it touched what pushes it.
constexpr double kRounding_m_s = 1e-4;
constexpr int kFreeTries = 200;

// Pairs of capsules that touch in some configurations, but not in most.
std::vector<std::pair<int, int>> FindSelfPairs(const ArmModel& arm, const JointVector& start) {
  constexpr int kSamples = 300;
  Rng rng({1});
  std::vector<Capsule> at_start(arm.num_capsules());
  arm.Place(start, at_start);
  const int n = arm.num_capsules();
  std::vector<int> touching(n * n);
  std::vector<Capsule> placed(n);
  for (int i = 0; i < kSamples; ++i) {
    JointVector q(arm.num_joints());
    for (int j = 0; j < q.size(); ++j) {
      q[j] = rng.Uniform(arm.position_min_rad()[j], arm.position_max_rad()[j]);
    }
    arm.Place(q, placed);
    for (int a = 0; a < n; ++a) {
      for (int b = a + 1; b < n; ++b) touching[a * n + b] += Gap(placed[a], placed[b]) < 0 ? 1 : 0;
    }
  }
  std::vector<std::pair<int, int>> pairs;
  for (int a = 0; a < n; ++a) {
    for (int b = a + 1; b < n; ++b) {
      const bool are_neighbours = std::abs(arm.capsules()[a].joint - arm.capsules()[b].joint) < 2;
      if (are_neighbours || touching[a * n + b] > kSamples / 2) continue;
      if (Gap(at_start[a], at_start[b]) > 0) pairs.emplace_back(a, b);
    }
  }
  return pairs;
}

Capsule Moved(const Eigen::Isometry3d& by, const Capsule& capsule) {
  return {by * capsule.a, by * capsule.b, capsule.radius};
}

}  // namespace

void HumanArmConfig::Visit(ConfigVisitor& v) {
  v.Section("shield", shield, "The arm's safety shield.");
  v.Section("human", human, "What the human does.");
  v.Section("tracker", tracker, "What is measured of the human.");
  v.Field("critical_speed_m_s", critical_speed_m_s,
          "Contacts of the human with a point that goes faster are critical.", AtLeast(0));
  v.Field("show_reachable_sets", show_reachable_sets,
          "Whether viewers see where the human may be in a stop, and where the arm stops.");
}

// Joint deltas, in units of kActionStep_rad.
class HumanArmTask::JointActions : public ArmActions {
 public:
  JointActions(HumanArmTask* task, SafeArm* arm, int tool_link)
      : task_(*task), arm_(*arm), tool_link_(tool_link) {}

  Body& body() override { return arm_.body(); }
  absl::Span<const int> dofs() const override { return arm_.dofs(); }
  int tool_link() const override { return tool_link_; }
  void JointGoal(absl::Span<const float> action, absl::Span<double> goal) const override {
    JointVector q = arm_.position();
    for (int i = 0; i < q.size(); ++i) q[i] += kActionStep_rad * action[i];
    arm_.Clip(q);
    std::copy(q.data(), q.data() + q.size(), goal.begin());
  }
  void SetJointGoal(absl::Span<const double> goal, absl::Span<float> action) const override {
    const JointVector q = arm_.position();
    for (int i = 0; i < q.size(); ++i) {
      action[i] = static_cast<float>(std::clamp((goal[i] - q[i]) / kActionStep_rad, -1.0, 1.0));
    }
  }
  bool has_script() const override { return task_.has_script(); }
  void ScriptedAction(absl::Span<float> action) override { task_.ScriptedAction(action); }

 private:
  HumanArmTask& task_;
  SafeArm& arm_;
  const int tool_link_;
};

void HumanArmTask::AddArmAndHuman(TaskBuilder& task, ArmSetup setup) {
  task.EndBetweenPhysicsSteps();
  task.ReportsExecutedAction();
  setup_ = std::move(setup);
  Body* body = setup_->body;
  body->SetJoints(setup_->start, std::vector<double>(body->num_dofs(), 0.0));
  base_ = ToEigen(body->LinkPose(kBase));
  base_inverse_ = base_.inverse();
  const double dt = setup_->drive.physics_step_s;
  steps_per_control_ = static_cast<int>(std::lround(kControl_s / dt));
  counts_.emplace(dt);

  HumanSceneOptions scene;
  scene.physics_step_s = dt;
  scene.steps_per_cycle = setup_->drive.steps_per_cycle;
  scene.arm_foot = base_.translation();
  scene.arm_foot.z() = setup_->floor_m;
  human_ = std::make_unique<HumanScene>(config_.human, config_.tracker, scene);
  human_->AddBodies(task);
  arm_ = std::make_unique<SafeArm>(body, setup_->dofs, setup_->model, human_->model(),
                                   config_.shield, setup_->drive);
  actions_ = std::make_unique<JointActions>(this, arm_.get(), setup_->tool_link);

  const ArmModel& model = setup_->model;
  in_base_.resize(model.num_capsules());
  in_world_.resize(model.num_capsules());
  jacobian_.resize(6 * body->num_velocities());
  motion_.turn.resize(model.num_joints());
  motion_.shift.resize(model.num_joints());
  self_pairs_ = FindSelfPairs(model, arm_->position());
  near_.resize(model.num_joints() * human_->capsules().size());
  part_balls_.reserve(human_->capsules().size());
  for (int link = 0; link < body->num_links(); ++link) {
    int joint = -1;
    for (int l = link; l >= 0 && joint < 0; l = body->link_model(l).parent) {
      for (int j = 0; j < model.num_joints(); ++j) {
        if (body->dof_link(setup_->dofs[j]) == l) joint = j;
      }
    }
    joint_of_link_.push_back(joint);
  }
  // Where the tool is on the last joint's link: it does not move there.
  const int last_link = body->dof_link(setup_->dofs.back());
  tool_in_joint_ =
      ToEigen(body->LinkPose(last_link)).inverse() * ToEigen(body->LinkPose(setup_->tool_link));
  begin_ = arm_->position();

  using v1::MetricSpec;
  const auto last = MetricSpec::AGGREGATION_LAST;
  const auto sum = MetricSpec::AGGREGATION_SUM;
  counts_->AddMetrics(task);
  metrics_.timeout = task.AddMetric("timeout", last);
  metrics_.interventions = task.AddMetric("failsafe_interventions", sum);
  metrics_.by_human = task.AddMetric("interventions/human", sum);
  metrics_.by_tracker = task.AddMetric("interventions/tracker", sum);
  metrics_.tracking_stops = task.AddMetric("tracking_stops", sum);
  metrics_.goals = task.AddMetric("n_goals_reached", sum);
  metrics_.distance = task.AddMetric("min_distance_m", last);
  metrics_.contact_speed = task.AddMetric("contact_speed_m_s", last);
  metrics_.cover_speed = task.AddMetric("cover_contact_speed_m_s", last);
  metrics_.promised_speed = task.AddMetric("promised_contact_speed_m_s", last);
  metrics_.broke_bounds = task.AddMetric("human_broke_bounds", sum);
  metrics_.pushed = task.AddMetric("arm_pushed", sum);
  if (config_.show_reachable_sets && config_.shield.is_on()) {
    reach_markers_.emplace(task, human_->model(), setup_->model, arm_.get());
  }
}

void HumanArmTask::Show(MarkerPoses& out) {
  if (reach_markers_.has_value()) reach_markers_->Place(human_->next_pose(), base_, out);
}

void HumanArmTask::Reset() {
  Body* body = setup_->body;
  body->SetJoints(setup_->start, std::vector<double>(body->num_dofs(), 0.0));
  arm_->Reset();
  human_->Reset(rng());
  begin_ = arm_->position();
  gripper_ = 0;
  if (setup_->fingers != nullptr) setup_->fingers->Reset();
  counts_->Reset();
  intervened_ = broke_bounds_ = false;
  causes_ = {};
  stops_before_ = 0;
  min_distance_m_ = std::numeric_limits<float>::max();
  contact_speed_m_s_ = cover_speed_m_s_ = promised_speed_m_s_ = 0;
  untouched_steps_ = std::numeric_limits<int32_t>::max();
  was_pushed_ = is_pushed_ = false;
  goals_before_ = 0;
  BeginEpisode();
}

void HumanArmTask::Act(absl::Span<const float> action) {
  begin_ = arm_->position();
  counts_->BeginControlStep();
  intervened_ = broke_bounds_ = was_pushed_ = false;
  causes_ = {};
  stops_before_ = arm_->tracking_stops();
  goals_before_ = goals_reached();
  if (setup_->fingers != nullptr) gripper_ = action[num_joints()];
  if (setup_->hold_fingers != nullptr) setup_->hold_fingers(setup_->body);
  BeginStep();
  JointVector goal(num_joints());
  actions_->JointGoal(action, absl::MakeSpan(goal.data(), goal.size()));
  arm_->SetGoal(goal);
}

void HumanArmTask::Substep() {
  PlaceArm();
  LookForPushes();
  if (arm_->cycle_begins()) {
    human_->ForgetBounds();
    arm_->BeginCycle(human_->Observe(base_inverse_, rng()));
    intervened_ = intervened_ || arm_->intervened();
    causes_[static_cast<int>(arm_->cause())] = true;
    broke_bounds_ = broke_bounds_ || human_->broke_bounds();
  }
  human_->Move(in_world_, rng());
  BeforePhysics();
  LookAtCapsules();
  arm_->Drive();
  if (setup_->fingers == nullptr) return;
  setup_->fingers->Drive((1 + gripper_) / 2);
  BearHeld();
}

void HumanArmTask::PlaceArm() {
  const ArmModel& model = setup_->model;
  const JointVector q = arm_->position();
  const JointVector rate = arm_->velocity();
  model.Place(q, in_base_);
  for (size_t c = 0; c < in_base_.size(); ++c) in_world_[c] = Moved(base_, in_base_[c]);
  Eigen::Isometry3d frame = base_;
  Eigen::Vector3d turn = Eigen::Vector3d::Zero();
  Eigen::Vector3d shift = Eigen::Vector3d::Zero();
  for (int j = 0; j < model.num_joints(); ++j) {
    const ArmJoint& joint = model.joints()[j];
    frame = frame * joint.origin;
    const Eigen::Vector3d axis = frame.linear() * joint.axis;
    turn += rate[j] * axis;
    shift -= rate[j] * axis.cross(frame.translation());
    motion_.turn[j] = turn;
    motion_.shift[j] = shift;
    frame.rotate(Eigen::AngleAxisd(q[j], joint.axis));
  }
}

void HumanArmTask::LookForPushes() {
  is_pushed_ = untouched_steps_ * setup_->drive.physics_step_s < kPushed_s &&
               arm_->too_fast_m_s() > arm_->options().tracking_speed_m_s + kRounding_m_s;
  was_pushed_ = was_pushed_ || is_pushed_;
}

double HumanArmTask::FastestPoint(int c) const {
  const int joint = setup_->model.capsules()[c].joint;
  const Capsule& capsule = in_world_[c];
  return std::max(motion_.At(joint, capsule.a).norm(), motion_.At(joint, capsule.b).norm()) +
         capsule.radius * motion_.turn[joint].norm();
}

void HumanArmTask::LookAtCapsules() {
  const absl::Span<const Capsule> parts = human_->capsules();
  const int num_parts = static_cast<int>(parts.size());
  std::fill(near_.begin(), near_.end(), false);
  bool is_near = false;
  part_balls_.clear();
  for (const Capsule& part : parts) part_balls_.emplace_back(part);
  for (size_t c = 0; c < in_world_.size(); ++c) {
    const Capsule& link = in_world_[c];
    const AxisBall link_ball(link);
    bool touches = false;
    for (int part = 0; part < num_parts; ++part) {
      const AxisBall& part_ball = part_balls_[part];
      const double apart = (link_ball.centre - part_ball.centre).norm() - link_ball.radius -
                           part_ball.radius - link.radius - parts[part].radius;
      if (apart > std::max(0.0, min_distance_m_)) continue;
      const double gap = Gap(link, parts[part]);
      min_distance_m_ = std::min(min_distance_m_, gap);
      if (gap > 0) continue;
      touches = is_near = true;
      near_[setup_->model.capsules()[c].joint * num_parts + part] = true;
    }
    if (touches) {
      const double speed = FastestPoint(static_cast<int>(c));
      cover_speed_m_s_ = std::max(cover_speed_m_s_, speed);
      if (!is_pushed_) promised_speed_m_s_ = std::max(promised_speed_m_s_, speed);
    }
  }
  counts_->ForgetTouches();
  if (is_near) LookAtHuman();
  if (TouchesItself()) counts_->Touch(ContactCounts::kRobot);
}

bool HumanArmTask::TouchesItself() const {
  return std::any_of(self_pairs_.begin(), self_pairs_.end(),
                     [this](const std::pair<int, int>& pair) {
                       return Gap(in_base_[pair.first], in_base_[pair.second]) < 0;
                     });
}

void HumanArmTask::LookAtHuman() {
  const int num_parts = static_cast<int>(human_->capsules().size());
  for (int link = 0; link < setup_->body->num_links(); ++link) {
    const int joint = joint_of_link_[link];
    if (joint < 0 || setup_->body->link_model(link).shape == nullptr) continue;
    double fastest = 0;  // No point of the link is faster.
    for (int c = 0; c < setup_->model.num_capsules(); ++c) {
      if (setup_->model.capsules()[c].joint == joint) fastest = std::max(fastest, FastestPoint(c));
    }
    for (int part = 0; part < num_parts; ++part) {
      if (!near_[joint * num_parts + part]) continue;
      // Distances of hulls take long; this one would tell nothing new.
      const bool is_critical_known =
          counts_->touches(ContactCounts::kCritical) || fastest <= config_.critical_speed_m_s;
      if (counts_->touches(ContactCounts::kHuman) && is_critical_known &&
          fastest <= contact_speed_m_s_)
        break;
      const ClosestPoints closest =
          world().Distance(*setup_->body, link, human_->body(part), kBase, /*distance_max=*/0);
      if (!closest.found || closest.distance > 0) continue;
      const double speed = motion_.At(joint, ToEigen(closest.point_on_a)).norm();
      contact_speed_m_s_ = std::max(contact_speed_m_s_, speed);
      counts_->Touch(ContactCounts::kHuman);
      if (speed > config_.critical_speed_m_s) counts_->Touch(ContactCounts::kCritical);
    }
  }
}

void HumanArmTask::LookAtContacts() {
  const int arm_id = setup_->body->id();
  untouched_steps_ = std::min<int64_t>(untouched_steps_ + 1, std::numeric_limits<int32_t>::max());
  if (setup_->fingers != nullptr) setup_->fingers->BeginTouches();
  for (const ContactPoint& contact : world().contacts()) {
    if (contact.body_a != arm_id && contact.body_b != arm_id) continue;
    const bool is_a = contact.body_a == arm_id;
    const int link = is_a ? contact.link_a : contact.link_b;
    const int other = is_a ? contact.body_b : contact.body_a;
    if (link < 0 || joint_of_link_[link] < 0 || human_->PartOf(other) >= 0) continue;
    untouched_steps_ = 0;
    if (!IsAllowed(other)) {
      counts_->Touch(ContactCounts::kStatic);
      continue;
    }
    if (setup_->fingers != nullptr) setup_->fingers->Touch(link);
  }
  counts_->EndPhysicsStep();
}

void HumanArmTask::BearHeld() {
  const Body* held = Held();
  if (held == nullptr || !setup_->fingers->holds()) return;
  Body& arm = *setup_->body;
  const btVector3 weight = held->mass(kBase) * world().gravity();
  arm.Jacobian(setup_->tool_link, held->LinkPose(kBase).getOrigin(), absl::MakeSpan(jacobian_));
  const int columns = arm.num_velocities();
  for (const int dof : setup_->dofs) {
    // The base is fixed: velocities are the joints'.
    double torque = 0;
    for (int k = 0; k < 3; ++k) torque -= jacobian_[k * columns + dof] * weight[k];
    arm.AddJointForce(dof, torque);
  }
}

Termination HumanArmTask::Terminated() {
  LookAtContacts();
  if (physics_steps() % steps_per_control_ == 0) EndStep();
  return Ending();
}

void HumanArmTask::Report(MetricValues& out) {
  const auto cause = [this](ShieldCause which) { return causes_[static_cast<int>(which)]; };
  counts_->Report(out);
  out.Set(metrics_.timeout, physics_steps() >= setup_->horizon * steps_per_control_ ? 1 : 0);
  out.Set(metrics_.interventions, intervened_ ? 1 : 0);
  out.Set(metrics_.by_human, cause(ShieldCause::kHuman) ? 1 : 0);
  const bool by_tracker = cause(ShieldCause::kMissing) || cause(ShieldCause::kLate) ||
                          cause(ShieldCause::kMalformed) || cause(ShieldCause::kImplausible);
  out.Set(metrics_.by_tracker, by_tracker ? 1 : 0);
  out.Set(metrics_.tracking_stops, arm_->tracking_stops() - stops_before_);
  out.Set(metrics_.goals, goals_reached() - goals_before_);
  out.Set(metrics_.distance, min_distance_m_);
  out.Set(metrics_.contact_speed, contact_speed_m_s_);
  out.Set(metrics_.cover_speed, cover_speed_m_s_);
  out.Set(metrics_.promised_speed, promised_speed_m_s_);
  out.Set(metrics_.broke_bounds, broke_bounds_ ? 1 : 0);
  out.Set(metrics_.pushed, was_pushed_ ? 1 : 0);
  ReportMore(out);
}

void HumanArmTask::ExecutedAction(absl::Span<float> out) {
  const JointVector way = arm_->position() - begin_;
  for (int i = 0; i < num_joints(); ++i) {
    out[i] = static_cast<float>(way[i] / kActionStep_rad);
  }
  if (setup_->fingers != nullptr) out[num_joints()] = gripper_;
}

Eigen::Vector3d HumanArmTask::ToolAt(const JointVector& position) const {
  Eigen::Isometry3d frame = base_;
  for (int j = 0; j < num_joints(); ++j) {
    const ArmJoint& joint = arm_model().joints()[j];
    frame = frame * joint.origin;
    frame.rotate(Eigen::AngleAxisd(position[j], joint.axis));
  }
  return frame * tool_in_joint_.translation();
}

bool HumanArmTask::IsFree(const JointVector& position) {
  const ArmModel& model = setup_->model;
  model.Place(position, in_base_);
  const double lowest = setup_->scene_height_m - base_.translation().z() + 0.01;
  for (int c = 0; c < model.num_capsules(); ++c) {
    if (model.capsules()[c].joint == 0) continue;  // It only turns.
    const Capsule& capsule = in_base_[c];
    if (std::min(capsule.a.z(), capsule.b.z()) - capsule.radius < lowest) return false;
  }
  return !TouchesItself();
}

JointVector HumanArmTask::FreePlace() {
  const ArmModel& model = setup_->model;
  JointVector place(model.num_joints());
  for (int i = 0; i < kFreeTries; ++i) {
    for (int j = 0; j < place.size(); ++j) {
      place[j] = rng().Uniform(model.position_min_rad()[j], model.position_max_rad()[j]);
    }
    if (IsFree(place)) return place;
  }
  return arm_->position();
}

void HumanArmTask::ObserveHuman(absl::Span<float> out) const {
  const Eigen::Vector3d tool = ToEigen(tool_position());
  const HumanPose& pose = human_->next_pose();
  int i = 0;
  for (const int joint : {kHand[0], kHand[1], kHead}) {
    const Eigen::Vector3d way = pose.position[joint] - tool;
    for (int k = 0; k < 3; ++k) out[3 * i + k] = static_cast<float>(way[k]);
    out[9 + i++] = static_cast<float>(way.norm());
  }
}

void HumanArmTask::Keep(StateArchive& state) {
  arm_->Keep(state);
  human_->Keep(state);
  KeepJoints(state, begin_);
  if (setup_->fingers != nullptr) setup_->fingers->Keep(state);
  state.Keep(gripper_);
  state.Keep(intervened_);
  state.Keep(causes_);
  counts_->Keep(state);
  state.Keep(broke_bounds_);
  state.Keep(stops_before_);
  state.Keep(min_distance_m_);
  state.Keep(contact_speed_m_s_);
  state.Keep(cover_speed_m_s_);
  state.Keep(promised_speed_m_s_);
  state.Keep(untouched_steps_);
  state.Keep(was_pushed_);
  state.Keep(goals_before_);
  KeepGoal(state);
}

}  // namespace armature
