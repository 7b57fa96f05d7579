/// Parameters with a common learning rate.
public struct ParameterGroup {
  /// The name of the group in saved state and logs.
  public let name: String
  /// The parameters with their keys.
  public let parameters: [NamedTensor]
  /// The learning rate before the schedule's factor.
  public let learningRate: Double
  /// The decoupled weight decay.
  public let weightDecay: Double

  /// Makes a group.
  ///
  /// - Parameters:
  ///   - name: the name in saved state and logs.
  ///   - parameters: the parameters with their keys.
  ///   - learningRate: the learning rate before the schedule's factor.
  ///   - weightDecay: the decoupled weight decay.
  public init(name: String, parameters: [NamedTensor], learningRate: Double, weightDecay: Double) {
    self.name = name
    self.parameters = parameters
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), by libtorch's fused operator.
public final class AdamW {
  private struct Moments {
    let first: Tensor
    let second: Tensor
    let steps: Tensor
  }

  /// The groups, each with its own learning rate.
  public let groups: [ParameterGroup]
  private let moments: [[Moments]]
  private let beta1: Double
  private let beta2: Double
  private let epsilon: Double

  /// Makes an optimiser and enables the gradients of every parameter.
  ///
  /// - Parameters:
  ///   - groups: the groups.
  ///   - beta1: the decay of the first moments.
  ///   - beta2: the decay of the second moments.
  ///   - epsilon: a number that is added to the root of the second moments.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(
    groups: [ParameterGroup], beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8
  ) throws {
    self.groups = groups
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    moments = try groups.map { group in
      try group.parameters.map { parameter in
        try parameter.tensor.requireGradient()
        let zeros = try parameter.tensor.detached().zerosLike()
        return Moments(first: zeros, second: try zeros.copy(), steps: try .zeros([], device: zeros.device))
      }
    }
  }

  /// All parameters of all groups.
  public var parameters: [Tensor] { groups.flatMap { $0.parameters.map(\.tensor) } }

  /// Clears all gradients.
  public func clearGradients() throws {
    for parameter in parameters { try parameter.setGradient(nil) }
  }

  /// Takes one step along the gradients; parameters without a gradient do not change.
  ///
  /// - Parameter scale: the schedule's factor for the groups' learning rates.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func step(scale: Double = 1) throws {
    try withoutGradients {
      for (group, groupMoments) in zip(groups, moments) {
        var values: [Tensor] = []
        var gradients: [Tensor] = []
        var used: [Moments] = []
        for (parameter, moment) in zip(group.parameters, groupMoments) {
          guard let gradient = try parameter.tensor.gradient() else { continue }
          values.append(parameter.tensor)
          gradients.append(gradient)
          used.append(moment)
        }
        guard !values.isEmpty else { continue }
        try Operators.foreachAddScalar.all(used.map(\.steps), 1.0)
        try Operators.fusedAdamW.all(
          values, gradients, used.map(\.first), used.map(\.second), [Tensor](), used.map(\.steps),
          named: [
            "lr": group.learningRate * scale, "beta1": beta1, "beta2": beta2,
            "weight_decay": group.weightDecay, "eps": epsilon, "amsgrad": false, "maximize": false,
          ])
      }
    }
  }

  /// Returns moments and step counts by group and parameter key, for saving.
  public func state() -> [String: Tensor] {
    var out: [String: Tensor] = [:]
    forEach { key, moment in
      out[key + ".exp_avg"] = moment.first
      out[key + ".exp_avg_sq"] = moment.second
      out[key + ".step"] = moment.steps
    }
    return out
  }

  /// Restores saved state.
  ///
  /// - Parameters:
  ///   - tensors: the result of `state()`.
  ///   - source: the source of the tensors, for the message.
  /// - Throws: `TorchError.parameters` if it is not the state of the same parameters.
  public func load(_ tensors: [String: Tensor], from source: String) throws {
    let own = state()
    try ParameterMismatch.check(own, against: tensors, from: source)
    for (key, tensor) in own { if let value = tensors[key] { try tensor.assign(value) } }
  }

  private func forEach(_ body: (String, Moments) -> Void) {
    for (group, groupMoments) in zip(groups, moments) {
      for (parameter, moment) in zip(group.parameters, groupMoments) {
        body("\(group.name).\(parameter.key)", moment)
      }
    }
  }
}
