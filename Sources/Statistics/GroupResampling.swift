import Torch

/// Draws of groups with replacement, as many as there are: one draw serves every method and every score, so
/// that all are compared on the same resamples.
public struct GroupResampling {
  /// How often each resample holds each group; R×G, float64.
  public let counts: Tensor

  /// Draws groups.
  ///
  /// - Parameters:
  ///   - groups: how many there are, G.
  ///   - draws: how many each resample takes; as many as there are when nil.
  ///   - resamples: how many resamples, R.
  ///   - generator: the source of the draws.
  /// - Throws: `TorchError` when the generator fails.
  public init(groups: Int, draws: Int? = nil, resamples: Int, generator: Generator) throws {
    let taken = try Tensor.randomIntegers([resamples, draws ?? groups], high: groups, generator: generator)
    counts = try Tensor.zeros([resamples, groups], dtype: .float64)
      .scatteredSum(
        dim: 1, index: taken, source: Tensor.ones([1, 1], dtype: .float64).expanded(to: taken.shape))
  }

  /// The resampled sums of C columns over cases and the cases that they are over; each R×C.
  public func totals(_ columns: GroupSums) throws -> (sums: Tensor, counts: Tensor) {
    try (counts.matmul(columns.sums), counts.matmul(columns.counts))
  }

  /// The resampled means of C columns over cases; R×C, NaN where a resample holds no case that is defined.
  public func means(_ columns: GroupSums) throws -> Tensor {
    let totals = try totals(columns)
    return try totals.sums / totals.counts
  }
}

/// The sums of columns of cases over each group, and over how many cases they are.
public struct GroupSums {
  /// G×C, float64.
  public let sums: Tensor
  /// G×C, float64: the cases that are not NaN.
  public let counts: Tensor

  /// Adds up columns of cases.
  ///
  /// - Parameters:
  ///   - columns: C columns of n cases, nil where undefined.
  ///   - labels: the group of each case, 0 to G − 1.
  ///   - groups: how many there are, G.
  /// - Throws: `TorchError` when the columns are not of one length.
  public init(_ columns: [[Double?]], of labels: [Int], groups: Int) throws {
    let values = columns.flatMap { $0.map { $0 ?? .nan } }
    try self.init(
      Tensor(values, shape: [columns.count, labels.count]).transposed().contiguous(), of: labels,
      groups: groups)
  }

  /// Adds up cases.
  ///
  /// - Parameters:
  ///   - cases: n×C, float64, NaN where undefined.
  ///   - labels: the group of each case, 0 to G − 1.
  ///   - groups: how many there are, G.
  /// - Throws: `TorchError` when shapes do not fit.
  public init(_ cases: Tensor, of labels: [Int], groups: Int) throws {
    let defined = try cases.equals(cases)
    let zeros = try Tensor.zeros([groups, cases.size(1)], dtype: .float64)
    let index = try Tensor(labels, shape: [labels.count, 1]).expanded(to: cases.shape)
    sums = try zeros.scatteredSum(
      dim: 0, index: index, source: defined.choose(cases, else: cases.zerosLike()))
    counts = try zeros.scatteredSum(dim: 0, index: index, source: defined.to(.float64))
  }
}
