import Segmentation
import Torch

extension TrainingBatch {
  /// Copies the tensors to pinned memory, so that a device can copy them while both sides compute.
  ///
  /// The thread that makes batches ahead calls it.
  ///
  /// - Parameter device: the device of the training.
  /// - Returns: the batch; itself for a device without such copies.
  /// - Throws: `TorchError.operation` if the system has no more such memory.
  func pinned(for device: Device) throws -> TrainingBatch { try map { try $0.pinned(for: device) } }

  /// Moves the tensors to a device; copies from pinned memory do not block.
  ///
  /// - Parameter device: the device of the training.
  /// - Returns: the batch there.
  /// - Throws: `TorchError.operation` with libtorch's message.
  func sent(to device: Device) throws -> TrainingBatch { try map { try $0.sent(to: device) } }

  private func map(_ change: (Tensor) throws -> Tensor) throws -> TrainingBatch {
    TrainingBatch(
      images: try change(images), masks: try change(masks), cached: try cached?.map(change),
      classes: classes, sites: sites, observed: observed, interventions: interventions, share: share)
  }
}
