import Foundation

/// One run of the benchmark: on what, with what, and every sample.
package struct BenchmarkRecord: Codable, Equatable, Sendable {
  /// The format of this file.
  package var format = 1
  /// When it was begun, ISO 8601.
  package var date: String
  /// Whether it was a short run, whose numbers are rough.
  package var quick: Bool
  /// The seed of weights and pictures.
  package var seed: UInt64
  /// The machine.
  package var machine: MachineFacts
  /// What was measured, by name: mcdrl, libtorch, Python and its packages.
  package var versions: [String: String]
  /// The highest speeds of a large matrix product in this run, by type, operations a second.
  package var peaks: [String: Double]
  /// What was measured, in order.
  package var cases: [CaseRecord]
  /// What could not take part, and why.
  package var missing: [String: String]

  /// Starts a record.
  package init(
    date: String, quick: Bool, seed: UInt64, machine: MachineFacts, versions: [String: String]
  ) {
    self.date = date
    self.quick = quick
    self.seed = seed
    self.machine = machine
    self.versions = versions
    peaks = [:]
    cases = []
    missing = [:]
  }
}

/// What one case measures.
package enum BenchmarkUnit: String, Codable, Sendable {
  /// Time.
  case seconds
  /// The most memory that a process held.
  case bytes
}

/// One comparison: the same work by several contestants, in alternation.
package struct CaseRecord: Codable, Equatable, Sendable {
  /// The group it belongs to.
  package var group: BenchmarkGroup
  /// What it is called, such as `ViT-B/16, batch 8`.
  package var name: String
  /// What the samples count.
  package var unit = BenchmarkUnit.seconds
  /// How many items a sample is about, such as the images of a batch.
  package var items = 1
  /// What an item is.
  package var item = "image"
  /// Arithmetic operations of a sample; nil where they are not counted.
  package var operations: Double?
  /// Who took part.
  package var contestants: [ContestantRecord] = []

  /// Starts a case.
  package init(_ group: BenchmarkGroup, _ name: String) {
    self.group = group
    self.name = name
  }
}

/// What a contestant is.
package enum ContestantRole: String, Codable, Sendable {
  /// This software.
  case ours
  /// What it is compared with.
  case peer
  /// A large matrix product of the same type, the measure of what the machine can do.
  case yardstick
  /// A part of our work, measured alone.
  case part
}

/// One contestant's samples in a case.
package struct ContestantRecord: Codable, Equatable, Sendable {
  /// What it is called.
  package var name: String
  /// What it is.
  package var role: ContestantRole
  /// Its arithmetic; nil where there is nothing to choose.
  package var precision: String?
  /// One sample a round, in the case's unit.
  package var samples: [Double] = []
  /// The largest absolute difference of its output from our float32 output; nil where nothing was compared.
  package var difference: Double?
  /// The largest absolute value of that output.
  package var scale: Double?
  /// Arithmetic operations of a sample, where the contestant has a count of its own.
  package var operations: Double?
  /// Of a peer, which of ours it is compared with; nil for all of its precision.
  package var against: String?
  /// Why it has no samples.
  package var failure: String?

  /// Starts a contestant.
  package init(_ name: String, _ role: ContestantRole, precision: String? = nil) {
    self.name = name
    self.role = role
    self.precision = precision
  }

  /// The middle of its samples.
  package var spread: Spread? { Spread(of: samples) }
}

extension CaseRecord {
  /// A peer beside one of ours.
  package struct Comparison: Equatable, Sendable {
    /// The peer.
    package let peer: ContestantRecord
    /// Ours.
    package let ours: ContestantRecord
    /// How many times as much the peer took, round by round.
    package let ratio: Spread
  }

  /// Every peer beside ours of the same precision; where a peer has none, beside the first of ours.
  package var comparisons: [Comparison] {
    let ours = contestants.filter { $0.role == .ours && !$0.samples.isEmpty }
    return contestants.filter { $0.role == .peer }.flatMap { peer -> [Comparison] in
      let rivals = ours.filter { peer.against == nil || $0.name == peer.against }
      let same = rivals.filter { $0.precision == peer.precision }
      return (same.isEmpty ? Array(rivals.prefix(1)) : same).compactMap { own in
        Spread.ratio(of: peer.samples, to: own.samples).map { Comparison(peer: peer, ours: own, ratio: $0) }
      }
    }
  }

  /// The quickest peer of its precision, or of none, beside one of ours, by median; nil when there is none.
  package func bestPeer(of ours: ContestantRecord) -> Comparison? {
    comparisons.filter { $0.ours == ours && [ours.precision, nil].contains($0.peer.precision) }
      .min { ($0.peer.spread?.median ?? .infinity) < ($1.peer.spread?.median ?? .infinity) }
  }

  /// The share of a peak that a contestant reached, by its median; nil where operations are not counted.
  ///
  /// - Parameters:
  ///   - contestant: one of this case.
  ///   - peaks: operations a second, by precision.
  /// - Returns: 0 to 1, or a little more where the peak was not quite found.
  package func share(of contestant: ContestantRecord, peaks: [String: Double]) -> Double? {
    guard let operations = contestant.operations ?? operations, let spread = contestant.spread,
      let peak = peaks[contestant.precision ?? "float32"], peak > 0
    else { return nil }
    return operations / spread.median / peak
  }
}
