import Foundation

/// One benchmark run: machine, versions and every sample.
package struct BenchmarkRecord: Codable, Equatable, Sendable {
  /// The format of this file.
  package var format = 1
  /// The start of the run, ISO 8601.
  package var date: String
  /// Whether it was a short run, whose numbers are rough.
  package var quick: Bool
  /// The seed of weights and images.
  package var seed: UInt64
  /// The machine.
  package var machine: MachineFacts
  /// The versions by name: mcdrl, libtorch, Python and its packages.
  package var versions: [String: String]
  /// The highest speed of a large matrix product in this run, by type, in operations per second.
  package var peaks: [String: Double]
  /// The cases, in order.
  package var cases: [CaseRecord]
  /// The contestants that could not take part, and why.
  package var missing: [String: String]

  /// Makes a record without cases.
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

/// The unit of a case.
package enum BenchmarkUnit: String, Codable, Sendable {
  /// Time.
  case seconds
  /// Peak memory of a process.
  case bytes
}

/// One comparison: the same work by several contestants, in alternation.
package struct CaseRecord: Codable, Equatable, Sendable {
  /// The group of the case.
  package var group: BenchmarkGroup
  /// The name, such as `ViT-B/16, batch 8`.
  package var name: String
  /// The unit of the samples.
  package var unit = BenchmarkUnit.seconds
  /// The number of items per sample, such as the images of a batch.
  package var items = 1
  /// The kind of item.
  package var item = "image"
  /// Arithmetic operations per sample; nil if they are not counted.
  package var operations: Double?
  /// The contestants.
  package var contestants: [ContestantRecord] = []

  /// Makes a case without contestants.
  package init(_ group: BenchmarkGroup, _ name: String) {
    self.group = group
    self.name = name
  }
}

/// The role of a contestant.
package enum ContestantRole: String, Codable, Sendable {
  /// This software.
  case ours
  /// A peer, with which this software is compared.
  case peer
  /// A large matrix product of the same type, which measures the speed of the machine.
  case yardstick
  /// A part of the work of this software, measured alone.
  case part
}

/// The samples of one contestant in a case.
package struct ContestantRecord: Codable, Equatable, Sendable {
  /// The name.
  package var name: String
  /// The role.
  package var role: ContestantRole
  /// The arithmetic; nil without a choice.
  package var precision: String?
  /// One sample per round, in the unit of the case.
  package var samples: [Double] = []
  /// The largest absolute difference of its output from this software's float32 output.
  ///
  /// It is nil if nothing was compared.
  package var difference: Double?
  /// The largest absolute value of that output.
  package var scale: Double?
  /// The peak memory of tensors on a graphics processor, in bytes; nil without one.
  package var deviceMemory: Int?
  /// Arithmetic operations per sample, if the contestant has its own count.
  package var operations: Double?
  /// For a peer: the contestant of this software to compare with; nil for all of its precision.
  package var against: String?
  /// The reason why it has no samples.
  package var failure: String?

  /// Makes a contestant without samples.
  package init(_ name: String, _ role: ContestantRole, precision: String? = nil) {
    self.name = name
    self.role = role
    self.precision = precision
  }

  /// The distribution of its samples.
  package var spread: Spread? { Spread(of: samples) }
}

extension CaseRecord {
  /// A peer compared with a contestant of this software.
  package struct Comparison: Equatable, Sendable {
    /// The peer.
    package let peer: ContestantRecord
    /// The contestant of this software.
    package let ours: ContestantRecord
    /// The ratio of the peer's samples to ours, round by round.
    package let ratio: Spread
  }

  /// Every peer with a contestant of this software.
  ///
  /// A peer is paired by precision. A peer without precision is paired with the first contestant of
  /// this software.
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

  /// Compares a contestant of this software with the fastest peer, by median.
  ///
  /// The peer has the same precision, or none. The result is nil if there is no such peer.
  package func bestPeer(of ours: ContestantRecord) -> Comparison? {
    comparisons.filter { $0.ours == ours && [ours.precision, nil].contains($0.peer.precision) }
      .min { ($0.peer.spread?.median ?? .infinity) < ($1.peer.spread?.median ?? .infinity) }
  }

  /// Returns the share of peak speed that a contestant reached, by its median.
  ///
  /// It is nil if operations are not counted.
  ///
  /// - Parameters:
  ///   - contestant: one of this case.
  ///   - peaks: operations per second, by precision.
  /// - Returns: 0 to 1, or slightly more if the measured peak was below the true one.
  package func share(of contestant: ContestantRecord, peaks: [String: Double]) -> Double? {
    guard let operations = contestant.operations ?? operations, let spread = contestant.spread,
      let peak = peaks[contestant.precision ?? "float32"], peak > 0
    else { return nil }
    return operations / spread.median / peak
  }
}
