import Torch

extension CaptionedImages {
  /// Joins the images that several processes have each read or rendered.
  ///
  /// Any image may occur in any batch, so afterwards every process has all.
  ///
  /// - Parameter processes: the processes.
  /// - Returns: the images of all processes, in their order.
  /// - Throws: `TorchError` if sizes differ or memory is short, or the error of another process.
  package func joined(by processes: Processes) throws -> CaptionedImages {
    guard processes.areSeveral else { return self }
    let joined = try scenes.map { scenes in
      Scenes(
        masks: try processes.joined(rows: scenes.masks.to(.uint8)).greater(than: 0),
        lesions: try processes.joined(scenes.lesions),
        confounders: try processes.joined(scenes.confounders), prompts: scenes.prompts)
    }
    return CaptionedImages(
      bank: bank, pixels: try processes.joined(rows: pixels), captions: try processes.joined(captions),
      scenes: joined)
  }
}
