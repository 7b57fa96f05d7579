import CLIP
import Foundation
import Storage
import Torch

/// The settings of a segmentation model after its image tower.
public struct ModelConfiguration: Equatable, Sendable {
  /// The method with its options; the default has the best evidence at held-out hospitals.
  public var method = MethodChoice.baselineInterventions
  /// The reading of the image tower: `tokens`, `maskclip`, `sclip` or `keys`.
  ///
  /// `keys` gives the head the keys of its tower layers in place of their outputs; the features in
  /// the joint space are those of `maskclip`.
  public var dense = "maskclip"
  /// The head.
  public var head = HeadConfiguration()

  /// Makes the defaults.
  public init() {}

  /// Returns the tower layers of the model: the head's, or the method's if the head names none.
  func towerLayers(depth: Int) -> [Int] {
    let head = head(depth: depth)
    let needed = method.traits.towerDepths.map { max(1, Int((Double(depth) * $0).rounded())) }
    return head.towerLayers.isEmpty ? Set(needed).sorted() : head.towerLayers
  }

  /// Returns the head's settings; if it names no layers and reads keys, it reads the last four.
  func head(depth: Int) -> HeadConfiguration {
    var head = head
    let readsKeys = (try? FeatureReading(named: dense))?.layers == .keys
    if readsKeys, head.towerLayers.isEmpty, method.traits.towerDepths.isEmpty {
      head.towerLayers = Array((1...max(1, depth)).suffix(4))
    }
    return head
  }
}

extension MethodRegistry {
  /// The key of the registry in a decoder's `userInfo`; without it the built-in one is used.
  package static let userInfoKey = CodingUserInfoKey(rawValue: "mcdrl.methods")

  /// Returns the registry of a decoder, or the built-in one.
  package init(of decoder: any Decoder) {
    self = Self.userInfoKey.flatMap { decoder.userInfo[$0] as? MethodRegistry } ?? .builtIn
  }

  /// Stores the registry in a decoder.
  package func prepare(_ decoder: JSONDecoder) {
    if let key = Self.userInfoKey { decoder.userInfo[key] = self }
  }
}

extension ModelConfiguration: Codable {
  private enum Keys: String, CodingKey { case method, options, dense, head }

  /// Decodes the settings; the decoder's registry lists the methods.
  ///
  /// - Parameter decoder: the decoder.
  /// - Throws: `DecodingError`, or `MethodError.unknown`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let choice = try MethodRegistry(of: decoder).method(named: container.decode(String.self, forKey: .method))
    method = try choice.with(json: container.decode(JSONValue.self, forKey: .options))
    dense = try container.decode(String.self, forKey: .dense)
    head = try container.decode(HeadConfiguration.self, forKey: .head)
  }

  /// Encodes the settings, with the options of the method next to its name.
  ///
  /// - Parameter encoder: the encoder.
  /// - Throws: `EncodingError`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(method.name, forKey: .method)
    try container.encode(method.json, forKey: .options)
    try container.encode(dense, forKey: .dense)
    try container.encode(head, forKey: .head)
  }
}
