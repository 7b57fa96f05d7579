import Foundation
import Testing

@testable import Torch

@Suite struct OptimizerTests {
  /// AdamW by hand, for one number.
  @Test func stepsMatchTheEquations() throws {
    let parameter = try Tensor([1.0] as [Float]).requireGradient()
    let optimizer = try AdamW(groups: [
      ParameterGroup(
        name: "all", parameters: [.init(key: "p", tensor: parameter)], learningRate: 0.1, weightDecay: 0.01)
    ])
    var value = 1.0
    var first = 0.0
    var second = 0.0
    for step in 1...5 {
      try optimizer.clearGradients()
      try (parameter * parameter).sum().backward()
      try optimizer.step()
      let gradient = 2 * value
      value *= 1 - 0.1 * 0.01
      first = 0.9 * first + 0.1 * gradient
      second = 0.999 * second + 0.001 * gradient * gradient
      let corrected = (second / (1 - pow(0.999, Double(step)))).squareRoot()
      value -= 0.1 * (first / (1 - pow(0.9, Double(step)))) / (corrected + 1e-8)
      #expect(abs(try parameter.detached().item() - value) < 1e-5)
    }
  }

  @Test func savedStateContinuesBitForBit() throws {
    func start() throws -> (Tensor, AdamW) {
      let parameter = try Tensor([1, -2, 3] as [Float]).requireGradient()
      let group = ParameterGroup(
        name: "g", parameters: [.init(key: "p", tensor: parameter)], learningRate: 0.05, weightDecay: 0.1)
      return (parameter, try AdamW(groups: [group]))
    }
    func train(_ parameter: Tensor, _ optimizer: AdamW, steps: Int) throws {
      for _ in 0..<steps {
        try optimizer.clearGradients()
        try parameter.sin().sum().backward()
        try optimizer.step()
      }
    }
    let (straight, straightOptimizer) = try start()
    try train(straight, straightOptimizer, steps: 6)
    let (half, halfOptimizer) = try start()
    try train(half, halfOptimizer, steps: 3)
    let (resumed, resumedOptimizer) = try start()
    try withoutGradients { try resumed.assign(half) }
    try resumedOptimizer.load(halfOptimizer.state(), from: "memory")
    try train(resumed, resumedOptimizer, steps: 3)
    #expect(try resumed.isEqual(to: straight))
  }

  @Test func groupsHaveTheirOwnRates() throws {
    let fast = try Tensor([1] as [Float])
    let slow = try Tensor([1] as [Float])
    let optimizer = try AdamW(groups: [
      .init(name: "fast", parameters: [.init(key: "p", tensor: fast)], learningRate: 0.1, weightDecay: 0),
      .init(name: "slow", parameters: [.init(key: "p", tensor: slow)], learningRate: 0.01, weightDecay: 0),
    ])
    try (fast + slow).sum().backward()
    try optimizer.step()
    #expect(abs(try fast.detached().item() - 0.9) < 1e-6)
    #expect(abs(try slow.detached().item() - 0.99) < 1e-6)
  }

  @Test func clippingKeepsTheCommonNorm() throws {
    let a = try Tensor([0] as [Float]).requireGradient()
    let b = try Tensor([0] as [Float]).requireGradient()
    try (a * 3 + b * 4).sum().backward()
    #expect(abs(try clipGradients(of: [a, b], toNorm: 1) - 5) < 1e-6)
    let norm = try [a, b].map { try $0.gradient()?.item() ?? 0 }.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(norm - 1) < 1e-5)
  }

  @Test func gradientsAccumulateUntilCleared() throws {
    let x = try Tensor([2] as [Float]).requireGradient()
    try (x * 3).sum().backward()
    try (x * 3).sum().backward()
    #expect(try x.gradient()?.item() == 6)
  }

  @Test func scheduleRisesThenFallsAlongACosine() {
    let schedule = CosineSchedule(warmupSteps: 4, totalSteps: 104)
    #expect(schedule.scale(at: 0) == 0.25)
    #expect(schedule.scale(at: 3) == 1)
    #expect(schedule.scale(at: 4) == 1)
    #expect(abs(schedule.scale(at: 54) - 0.5) < 1e-12)
    #expect(schedule.scale(at: 104) < 1e-12)
    #expect(schedule.scale(at: 1_000_000) < 1e-12)
  }
}
