import Testing

@testable import Torch

/// c10d's reducer, with threads as ranks.
@Suite(.serialized) struct GradientReducerTests {
  /// The gradient of (w·x)² by w, for one x.
  private static func loss(_ weights: Tensor, _ input: Float) throws -> Tensor {
    try (weights * Double(input)).power(2).sum()
  }

  @Test func gradientsAreTheMeanOverRanks() throws {
    let found = try Ranks.run(2) { group -> [[Float]] in
      let weights = try Tensor([1, -2] as [Float]).requireGradient()
      let frozen = try Tensor([5] as [Float])
      let reducer = try GradientReducer([weights, frozen], group: group, bucketBytes: 4)
      return try (0..<3).map { _ in
        try weights.setGradient(nil)
        try reducer.prepareForward()
        let loss = try Self.loss(weights, Float(group.rank + 1))
        try reducer.prepareBackward(outputs: [loss])
        try loss.backward()
        return try #require(try weights.gradient()).floats()
      }
    }
    // 2·w·x², the mean of x² = 1 and 4.
    #expect(found == Array(repeating: Array(repeating: [5, -10], count: 3), count: 2))
  }

  @Test func accumulatedGradientsAreReducedOnce() throws {
    let found = try Ranks.run(2) { group -> [[Float]] in
      let weights = try Tensor([1] as [Float]).requireGradient()
      let reducer = try GradientReducer([weights], group: group)
      return try [false, true].map { synchronizes in
        try reducer.prepareForward(synchronizes: synchronizes)
        let loss = try Self.loss(weights, Float(group.rank + 1))
        try reducer.prepareBackward(outputs: [loss])
        try loss.backward()
        return try #require(try weights.gradient()).floats()
      }
    }
    #expect(found == [[[2], [10]], [[8], [10]]])
  }

  @Test func unusedParametersKeepNoGradient() throws {
    let found = try Ranks.run(2) { group -> [Bool] in
      let parameters = try (0..<3).map { _ in try Tensor([1] as [Float]).requireGradient() }
      let reducer = try GradientReducer(parameters, group: group, findsUnused: true)
      try reducer.prepareForward()
      // Rank 0 uses the first, rank 1 the first and the second, none the third.
      var loss = try Self.loss(parameters[0], 1)
      if group.rank == 1 { loss = try loss + Self.loss(parameters[1], 1) }
      try reducer.prepareBackward(outputs: [loss])
      try loss.backward()
      return try parameters.map { try $0.gradient() != nil }
    }
    #expect(found == [[true, true, false], [true, true, false]])
  }

  @Test func unusedParametersThatNobodyAskedForAreAnError() throws {
    let found = try Ranks.run(2) { group -> String in
      let parameters = try (0..<2).map { _ in try Tensor([1] as [Float]).requireGradient() }
      let reducer = try GradientReducer(parameters, group: group)
      do {
        for _ in 0..<2 {
          try reducer.prepareForward()
          let loss = try Self.loss(parameters[0], 1)
          try reducer.prepareBackward(outputs: [loss])
          try loss.backward()
        }
        return ""
      } catch { return "\(error)" }
    }
    #expect(found.allSatisfy { $0.contains("gave no gradient to some of the parameters") })
  }

  @Test func aReducerNeedsAParameter() throws {
    _ = try Ranks.run(1) { group in
      let frozen = try Tensor([1] as [Float])
      #expect(throws: TorchError.self) { try GradientReducer([frozen], group: group) }
    }
  }

  @Test func theBackwardPassNamesTheRankThatFailed() throws {
    let found = try Ranks.run(2) { group -> String in
      let weights = try Tensor([1] as [Float]).requireGradient()
      let reducer = try GradientReducer([weights], group: group)
      try reducer.prepareForward()
      let loss = try Self.loss(weights, 1)
      try reducer.prepareBackward(outputs: [loss])
      guard group.isFirst else {
        group.fail("no memory")
        return ""
      }
      do {
        try loss.backward()
        return ""
      } catch { return "\(error)" }
    }
    #expect(found[0].contains("rank 1 failed first: no memory"))
  }
}
