import Storage
import Torch

/// do(z) on images, for the confounders of one prompt set (ours).
///
/// Each image has its own random generator, seeded by one draw from the given generator. So the
/// result for an image depends on the state of that generator and on its place in the batch. It
/// does not depend on the other images, nor on their size.
public struct Interventions: Sendable {
  /// All M confounders, in order.
  public let names: [String]
  private let entries: [PromptSet.Confounder]
  /// The indices of the confounders that act by their words on features; their images stay.
  package let styled: Set<Int>

  /// Reads the confounders of a prompt set.
  public init(_ prompts: PromptSet) { self.init(prompts, styles: .none) }

  /// Reads the confounders of a prompt set, some of which act by their words.
  ///
  /// - Parameters:
  ///   - prompts: the prompt set.
  ///   - withheld: the names of confounders that count as if they had no mechanism.
  ///   - styles: the confounders that act by their words.
  package init(_ prompts: PromptSet, without withheld: [String] = [], styles: StyleUse) {
    entries = prompts.confounders.map { entry in
      var entry = entry
      if withheld.contains(entry.name) { entry.mechanism = nil }
      return entry
    }
    names = entries.map(\.name)
    switch styles {
    case .none: styled = []
    case .missing: styled = Set(entries.indices.filter { [entries] in entries[$0].mechanism == nil })
    case .all: styled = Set(entries.indices)
    }
  }

  /// The indices of the confounders that can be set: by a mechanism, or by their words.
  public var available: [Int] {
    entries.indices.filter { entries[$0].mechanism != nil || styled.contains($0) }
  }

  /// Returns whether a confounder that is set changes the mask, too: it moves or hides pixels.
  ///
  /// - Parameter confounder: its index among `names`.
  /// - Returns: false also for a number that is no index.
  package func changesMask(_ confounder: Int) -> Bool {
    guard names.indices.contains(confounder), let mechanism = mechanism(confounder) else { return false }
    return mechanism.movesPixels || mechanism.hidesPixels
  }

  /// Returns the mechanism of a confounder; nil if it has none or acts by its words.
  private func mechanism(_ index: Int) -> Mechanism? {
    styled.contains(index) ? nil : entries[index].mechanism
  }

  /// Applies one random confounder to each image, at a uniform random strength from its range.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S, 0 to 1, S at least 16.
  ///   - masks: B×K×S×S, 0 or 1.
  ///   - probabilities: M weights, which need not sum to 1. The weight of a confounder without a
  ///     mechanism counts as 0. Nil makes all confounders with a mechanism equally likely.
  ///   - generator: the only source of randomness.
  /// - Returns: the changed images and masks, and the strengths for each image.
  /// - Throws: `InterventionError` if nothing can be drawn, `TorchError` if the shapes do not
  ///   match.
  public func callAsFunction(
    images: Tensor, masks: Tensor, probabilities: [Double]? = nil, generator: Generator
  ) throws -> Pictures {
    try self(count: 1, images: images, masks: masks, probabilities: probabilities, generator: generator)
  }

  /// Draws the confounders for a single image with equal probabilities, without applying them.
  ///
  /// - Parameters:
  ///   - count: the number of draws.
  ///   - generator: in the state before the intervention itself.
  /// - Returns: their indices, in the order of the draws; an index may occur twice.
  /// - Throws: `InterventionError` if nothing can be drawn.
  public func choices(count: Int, generator: Generator) throws -> [Int] {
    let weights = try self.weights(nil)
    return try (0..<max(1, count)).flatMap { _ in
      try chance(1, generator).map { try drawn($0, weights).confounder }
    }
  }

  /// Applies several confounders one after the other; each is drawn as for one.
  ///
  /// - Parameters:
  ///   - count: the number of draws for each image. If one is drawn twice, the higher strength
  ///     counts.
  ///   - images: B×3×S×S, 0 to 1, S at least 16.
  ///   - masks: B×K×S×S, 0 or 1.
  ///   - probabilities: M weights; nil makes all with a mechanism equally likely.
  ///   - generator: the only source of randomness.
  /// - Returns: the changed images and masks, and the strengths for each image.
  /// - Throws: as for one.
  public func callAsFunction(
    count: Int, images: Tensor, masks: Tensor, probabilities: [Double]? = nil, generator: Generator
  ) throws -> Pictures {
    try self(
      count: count, images: images, masks: masks, probabilities: probabilities, generator: generator,
      rows: OwnRows(of: images.sizes(rank: 4, "images")[0]))
  }

  /// Applies several confounders to some rows of a batch, as they are applied in the whole batch.
  ///
  /// - Parameters:
  ///   - count: the number of draws for each image.
  ///   - images: the rows, B'×3×S×S, 0 to 1, S at least 16.
  ///   - masks: B'×K×S×S, 0 or 1.
  ///   - probabilities: M weights; nil makes all with a mechanism equally likely.
  ///   - generator: the only source of randomness.
  ///   - rows: the places of the rows in the batch.
  /// - Returns: the changed images and masks, and the strengths for each image.
  /// - Throws: as for all rows.
  package func callAsFunction(
    count: Int, images: Tensor, masks: Tensor, probabilities: [Double]?, generator: Generator, rows: OwnRows
  ) throws -> Pictures {
    func once(_ images: Tensor, _ masks: Tensor) throws -> Pictures {
      let draws = try self.draws(rows.all, probabilities: probabilities, generator: generator)
      return try self(draws, rows: rows.indices, images: images, masks: masks)
    }
    return try (1..<max(1, count)).reduce(once(images, masks)) { done, _ in
      let next = try once(done.images, done.masks)
      return Pictures(
        images: next.images, masks: next.masks, applied: try done.applied.maximum(next.applied),
        moved: try done.moved.or(next.moved))
    }
  }

  /// Applies the same confounder at the same strength to every image.
  ///
  /// The sweep of an explanation uses it.
  ///
  /// - Parameters:
  ///   - confounder: its index among `names`.
  ///   - strength: 0 to 1, independent of the range of the confounder.
  ///   - images: B×3×S×S, 0 to 1, S at least 16.
  ///   - masks: B×K×S×S, 0 or 1.
  ///   - generator: the only source of randomness; with the same seed a film has the same place at
  ///     every strength.
  /// - Returns: the changed images and masks, and the strengths for each image.
  /// - Throws: `InterventionError` for a confounder without a mechanism or a strength out of range,
  ///   `TorchError` if the shapes do not match.
  public func doing(
    _ confounder: Int, strength: Double, images: Tensor, masks: Tensor, generator: Generator
  ) throws -> Pictures {
    guard names.indices.contains(confounder) else {
      throw InterventionError.noConfounder(index: confounder, count: names.count)
    }
    guard mechanism(confounder) != nil else {
      throw InterventionError.noMechanism(name: names[confounder])
    }
    guard (0...1).contains(strength) else { throw InterventionError.strength(strength) }
    let plans = try chance(images.sizes(rank: 4, "images")[0], generator).map {
      Plan(confounder: confounder, strength: strength, chance: $0)
    }
    return try done(plans, images: images, masks: masks)
  }

  /// The interventions on the images of a batch, drawn and not yet applied.
  ///
  /// The draw of an image is applied once: its generator goes on.
  package struct Draws {
    fileprivate let plans: [Plan]

    /// The confounder of each image, by its index among `names`.
    package var confounders: [Int] { plans.map(\.confounder) }
  }

  /// Draws one random confounder for each image of a batch, as for the whole batch at once.
  ///
  /// - Parameters:
  ///   - count: the number of images.
  ///   - probabilities: M weights; nil makes all with a mechanism equally likely.
  ///   - generator: the only source of randomness.
  /// - Returns: the draws.
  /// - Throws: `InterventionError` if nothing can be drawn.
  package func draws(
    _ count: Int, probabilities: [Double]? = nil, generator: Generator
  ) throws -> Draws {
    let weights = try self.weights(probabilities)
    return Draws(plans: try chance(count, generator).map { try drawn($0, weights) })
  }

  /// Applies the draws of a batch to some of its rows, such as those of one process.
  ///
  /// - Parameters:
  ///   - draws: the draws of the whole batch.
  ///   - rows: the places of the images in the batch.
  ///   - images: the images of these rows, n×3×S×S, 0 to 1, S at least 16.
  ///   - masks: n×K×S×S, 0 or 1.
  /// - Returns: the changed images and masks, the same as in the whole batch.
  /// - Throws: `TorchError` if the shapes do not match.
  package func callAsFunction(
    _ draws: Draws, rows: [Int], images: Tensor, masks: Tensor
  ) throws -> Pictures {
    let plans = rows.filter(draws.plans.indices.contains).map { draws.plans[$0] }
    guard try images.size(0) == plans.count else {
      throw TorchError.value("\(plans.count) draws do not fit images of \(images.shape)")
    }
    return try done(plans, images: images, masks: masks)
  }

  /// The intervention on one image.
  fileprivate struct Plan {
    let confounder: Int
    let strength: Double
    let chance: Generator
  }

  /// Makes a random generator for each image.
  private func chance(_ count: Int, _ generator: Generator) throws -> [Generator] {
    let seeds = try Tensor.randomIntegers([count], high: 1 << 62, generator: generator)
    return try seeds.array(of: Int64.self).map { try Generator(seed: UInt64($0), for: "intervention") }
  }

  /// Draws the intervention on an image from its generator.
  private func drawn(_ chance: Generator, _ weights: [Double]) throws -> Plan {
    let draws = try Tensor.randomUniform([2], generator: chance).doubles()
    let confounder = WeightedDraw.index(draws[0], weights)
    let range = entries[confounder].strengthRange
    let strength = range.lowerBound + draws[1] * (range.upperBound - range.lowerBound)
    return Plan(confounder: confounder, strength: strength, chance: chance)
  }

  /// Returns the probability of each confounder, M weights, 0 without a mechanism.
  private func weights(_ probabilities: [Double]?) throws -> [Double] {
    guard !available.isEmpty else { throw InterventionError.noMechanisms }
    let given = probabilities ?? [Double](repeating: 1, count: names.count)
    guard given.count == names.count, given.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw InterventionError.probabilities(given, count: names.count)
    }
    let settable = Set(available)
    let weights = entries.indices.map { settable.contains($0) ? given[$0] : 0 }
    guard weights.contains(where: { $0 > 0 }) else {
      throw InterventionError.nothingLikely(available: available.map { names[$0] })
    }
    return weights
  }

  private func done(_ plans: [Plan], images: Tensor, masks: Tensor) throws -> Pictures {
    let shape = try images.sizes(rank: 4, "images")
    let size = shape[3]
    guard shape[1] == 3, shape[2] == size, size >= 16, masks.rank == 4,
      masks.shape == [shape[0], max(1, masks.shape[1]), size, size]
    else {
      throw TorchError.value(
        "interventions take images of B×3×S×S with S of at least 16 and masks of B×K×S×S, not \(shape) and "
          + "\(masks.shape)")
    }
    var (changed, moved) = ([Tensor](), [Tensor]())
    var order: [Int64] = []
    try withoutGradients {
      for (confounder, rows) in Dictionary(grouping: plans.indices, by: { plans[$0].confounder })
        .sorted(by: { $0.key < $1.key })
      {
        let index = try Tensor(rows.map(Int64.init)).to(images.device)
        order += rows.map(Int64.init)
        guard let mechanism = mechanism(confounder) else {
          changed.append(try images.indexed(index))
          moved.append(try masks.indexed(index))
          continue
        }
        let strength = try Tensor(rows.map { Float(plans[$0].strength) }, shape: [rows.count, 1, 1, 1])
        let canvas = Canvas(
          images: try images.indexed(index), masks: try masks.indexed(index),
          strength: try strength.to(images.device), chance: rows.map { plans[$0].chance }, size: size)
        let result = try mechanism(canvas)
        changed.append(try result.images.clamped(min: 0, max: 1))
        moved.append(result.masks)
      }
    }
    guard !plans.isEmpty else { return try intervened(plans, images, masks) }
    let back = try Tensor(order).sorted(dim: 0).indices.to(images.device)
    return try intervened(
      plans, try Tensor.concatenated(changed, dim: 0).indexed(back),
      try Tensor.concatenated(moved, dim: 0).indexed(back))
  }

  private func intervened(_ plans: [Plan], _ images: Tensor, _ masks: Tensor) throws -> Pictures {
    var applied = [Float](repeating: 0, count: plans.count * names.count)
    for (row, plan) in plans.enumerated() {
      applied[row * names.count + plan.confounder] = Float(plan.strength)
    }
    let moved = plans.map { mechanism($0.confounder)?.movesPixels == true }
    return Pictures(
      images: images, masks: masks,
      applied: try Tensor(applied, shape: [plans.count, names.count]).to(images.device),
      moved: try Tensor(moved.map { $0 ? 1 : 0 } as [Float]).greater(than: 0.5).to(images.device))
  }
}
