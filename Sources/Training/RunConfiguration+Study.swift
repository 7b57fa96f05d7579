import Torch

extension RunConfiguration {
  /// The settings that all folds of a study share, by dotted name.
  ///
  /// Without what differs between folds (held-out site, sources, method, seed), and without the data's
  /// folder, which says where the files are on this machine and not what they hold.
  ///
  /// - Throws: `EncodingError`, which settings that were decoded never meet.
  public func studySettings() throws -> [String: JSONValue] {
    let own: Set = ["data", "holdOut", "sources", "seed", "model.method"]
    return try JSONValue(encoding: self).leaves.filter { !own.contains($0.key) }
  }
}
