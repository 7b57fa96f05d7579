import Torch

/// Draws groups with replacement, as many as there are.
///
/// One draw serves every method and every score. So all are compared on the same resamples.
public struct GroupResampling {
  /// The count of each group in each resample; R×G, float64.
  public let counts: Tensor

  /// Draws groups.
  ///
  /// - Parameters:
  ///   - groups: the number of groups, G.
  ///   - draws: the number of groups that each resample draws; nil means G.
  ///   - resamples: the number of resamples, R.
  ///   - generator: the source of the draws.
  /// - Throws: `TorchError` if the generator fails.
  public init(groups: Int, draws: Int? = nil, resamples: Int, generator: Generator) throws {
    let taken = try Tensor.randomIntegers([resamples, draws ?? groups], high: groups, generator: generator)
    counts = try Tensor.zeros([resamples, groups], dtype: .float64)
      .scatteredSum(
        dim: 1, index: taken, source: Tensor.ones([1, 1], dtype: .float64).expanded(to: taken.shape))
  }

  /// Returns the resampled sums of C columns and the number of cases in each sum; each R×C.
  public func totals(_ columns: GroupSums) throws -> (sums: Tensor, counts: Tensor) {
    try (counts.matmul(columns.sums), counts.matmul(columns.counts))
  }

  /// Returns the resampled means of C columns over cases; R×C.
  ///
  /// A mean is NaN if its resample holds no defined case.
  public func means(_ columns: GroupSums) throws -> Tensor {
    let totals = try totals(columns)
    return try totals.sums / totals.counts
  }
}

/// The sums of columns of cases over each group, and the number of cases in each sum.
public struct GroupSums {
  /// G×C, float64.
  public let sums: Tensor
  /// The number of cases that are not NaN; G×C, float64.
  public let counts: Tensor

  /// Returns the number of groups with a defined case, by column; C.
  ///
  /// - Throws: `TorchError` with libtorch's message.
  public func units() throws -> [Int] {
    try counts.greater(than: 0).to(.float64).sum([0]).doubles().map { Int($0) }
  }

  /// Adds up columns of cases.
  ///
  /// - Parameters:
  ///   - columns: C columns of n cases, nil where undefined.
  ///   - labels: the group of each case, 0 to G − 1.
  ///   - groups: the number of groups, G.
  /// - Throws: `TorchError` if the columns differ in length.
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
  ///   - groups: the number of groups, G.
  /// - Throws: `TorchError` if the shapes do not match.
  public init(_ cases: Tensor, of labels: [Int], groups: Int) throws {
    let defined = try cases.equals(cases)
    let zeros = try Tensor.zeros([groups, cases.size(1)], dtype: .float64)
    let index = try Tensor(labels, shape: [labels.count, 1]).expanded(to: cases.shape)
    sums = try zeros.scatteredSum(
      dim: 0, index: index, source: defined.choose(cases, else: cases.zerosLike()))
    counts = try zeros.scatteredSum(dim: 0, index: index, source: defined.to(.float64))
  }
}
