import Foundation
import Storage

extension CLIPModel {
  /// Makes a model of an image trunk whose words have no meaning.
  ///
  /// The image tower has the trunk's weights. Its projection and the small text tower are random, so
  /// `hasWords` is false. `mcdrl clip pretrain --trunk` gives a trunk words.
  ///
  /// - Parameters:
  ///   - trunk: the trunk.
  ///   - seed: the seed of the random weights.
  /// - Returns: the model, in evaluation mode.
  /// - Throws: as `TrunkFolder.load(into:)`.
  package static func wordless(_ trunk: TrunkFolder, seed: UInt64) throws -> CLIPModel {
    let tokenizer = try Tokenizer.bytes()
    var geometry = CLIPConfiguration()
    (geometry.vision, geometry.projectionSize) = (trunk.vision, 64)
    (geometry.text.hiddenSize, geometry.text.intermediateSize) = (64, 256)
    (geometry.text.layers, geometry.text.heads) = (1, 2)
    geometry.text.vocabularySize = tokenizer.count
    geometry.text.endToken = tokenizer.endToken
    let model = try CLIPModel(
      geometry, tokenizer: tokenizer, preparation: trunk.preparation, seed: seed)
    try trunk.load(into: model.vision)
    model.hasWords = false
    model.train(false)
    return model
  }
}

extension TrunkFolder {
  /// Reads an image trunk, if a folder holds one in the place of a CLIP model.
  ///
  /// - Parameter folder: the folder.
  /// - Returns: the trunk; nil if `config.json` is missing or is that of a CLIP model.
  /// - Throws: as `init(_:)` for the settings of a trunk.
  package static func found(in folder: URL) throws -> TrunkFolder? {
    let file = folder.appendingPathComponent("config.json")
    guard FileSystem.kind(of: file) != nil else { return nil }
    let reader = try SettingsReader(file)
    guard reader.peek("architecture") != nil, reader.peek("vision_config") == nil else { return nil }
    return try TrunkFolder(folder)
  }
}
