import CLibTorch

/// The mean of gradients over the ranks, computed while the backward pass still runs: c10d's reducer.
///
/// It packs the gradients in buckets. A bucket goes out as soon as the backward pass has filled it.
/// After `backward()` each parameter's gradient is the mean over all ranks, where the optimiser
/// reads it. Clear gradients to none before a step, as `AdamW.clearGradients` does.
///
/// A step: `prepareForward`, the forward pass, `prepareBackward(outputs: [loss])`, `backward()`.
/// An error of another rank is thrown by `backward()`.
public final class GradientReducer {
  private let handle: mcdrl_reducer_t
  // The group outlives the reducer.
  private let group: ProcessGroup

  /// Makes a reducer; all ranks make theirs at the same time.
  ///
  /// - Parameters:
  ///   - parameters: the parameters, in the same order on all ranks. Those that require no gradients
  ///     are left out, so make optimisers first.
  ///   - group: the processes.
  ///   - bucketBytes: the size of a bucket in bytes; the first holds at most 1 MiB, so that it goes
  ///     out early.
  ///   - findsUnused: whether a backward pass may leave out parameters, also different ones by rank.
  ///     Each backward pass then costs a walk through its graph.
  /// - Throws: `ProcessGroupError.call` if the parameters differ by rank, `TorchError.value` without
  ///   a parameter that requires gradients.
  public init(
    _ parameters: [Tensor], group: ProcessGroup, bucketBytes: Int = 25 << 20, findsUnused: Bool = false
  ) throws {
    let trained = parameters.filter(\.requiresGradient)
    guard !trained.isEmpty else {
      throw TorchError.value("no parameter requires gradients: make the optimiser before the reducer")
    }
    var out: mcdrl_reducer_t?
    do {
      try check("reducer") {
        mcdrl_reducer_new(
          group.handle, trained.map(\.handle), Int64(trained.count), Int64(bucketBytes), findsUnused, &out, $0
        )
      }
    } catch TorchError.operation(let name, let message) {
      throw ProcessGroupError.call(name, message: message)
    }
    guard let out else { throw TorchError.value("libtorch returned no reducer") }
    handle = out
    self.group = group
  }

  deinit { mcdrl_reducer_free(handle) }

  /// Begins a forward pass.
  ///
  /// - Parameter synchronizes: false to accumulate gradients on this rank alone. A later backward
  ///   pass that synchronizes takes the mean of all that has accumulated.
  /// - Throws: `ProcessGroupError.call`.
  public func prepareForward(synchronizes: Bool = true) throws {
    do {
      try check("reducer") { mcdrl_reducer_prepare_forward(handle, synchronizes, $0) }
    } catch TorchError.operation(let name, let message) {
      throw ProcessGroupError.call(name, message: message)
    }
  }

  /// Begins the backward pass of the last forward pass.
  ///
  /// - Parameter outputs: the loss, or all tensors of which the backward pass starts; read only with
  ///   `findsUnused`.
  /// - Throws: `ProcessGroupError.call`.
  public func prepareBackward(outputs: [Tensor]) throws {
    do {
      try check("reducer") {
        mcdrl_reducer_prepare_backward(handle, outputs.map(\.handle), Int64(outputs.count), $0)
      }
    } catch TorchError.operation(let name, let message) {
      throw ProcessGroupError.call(name, message: message)
    }
  }
}
