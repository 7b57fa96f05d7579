import Storage
import TestSupport
import Testing
import Torch

@testable import Confounders
@testable import Segmentation

/// Two methods of one name.
private final class Own: SegmentationMethod, ConfigurableMethod {
  static let name = "own"
  static let summary = "the first"
  struct Options: MethodOptions {
    var rate = 0.5
    var parts: [Int] = [1, 2]

    func validate() throws { try require("rate", rate, in: 0...1) }
  }
  let options: Options
  let hasText: Bool

  init(_ options: Options, _ context: MethodContext) throws {
    self.options = options
    hasText = context.textEncoder != nil
    super.init()
  }
}

private final class Other: SegmentationMethod, ConfigurableMethod {
  static let name = "own"
  static let summary = "the second"
  static func traits(_ options: NoOptions) -> MethodTraits {
    var traits = MethodTraits()
    traits.needsTextTower = true
    return traits
  }

  init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }
}

@Suite struct MethodRegistryTests {
  @Test func aMethodOfTheSameNameIsReplacedAndTheBuiltInOnesStay() throws {
    let builtIn = MethodRegistry.builtIn
    let once = builtIn.adding(Own.self)
    #expect(once.names == builtIn.names + ["own"])
    #expect(try once.method(named: "own").summary == "the first")
    let twice = once.adding(Other.self)
    #expect(twice.names == once.names)
    #expect(try twice.method(named: "own").summary == "the second")
    #expect(try once.method(named: "own").summary == "the first", "a registry is a value")
    #expect(throws: MethodError.unknown(name: "own", known: builtIn.names)) {
      try builtIn.method(named: "own")
    }
  }

  @Test func aChoiceHoldsOptionsOfTheMethodsOwnType() throws {
    let choice = MethodChoice(Own.self).changing(Own.self) { $0.rate = 0.25 }
    #expect(choice.options(of: Own.self)?.rate == 0.25 && choice.options(of: Other.self) == nil)
    #expect(choice.changing(MCDRL.self) { $0.start = 1 } == choice)
    #expect(choice != MethodChoice(Own.self) && MethodChoice(Own.self) != MethodChoice(Other.self))
    #expect(
      try choice.json == .object(["rate": .number(0.25), "parts": .array([.integer(1), .integer(2)])]))
    #expect(try MethodChoice(Own.self).with(json: choice.json) == choice)
    let method = try #require(try choice.make(someContext()) as? Own)
    #expect(method.options.rate == 0.25 && method.label == "own")
    let bad = choice.changing(Own.self) { $0.rate = 2 }
    let wanted = MethodError.option(name: "rate", value: "2.0", wanted: "from 0.0 to 1.0")
    #expect(throws: wanted) { try bad.validate() }
    #expect(throws: wanted) { try bad.make(someContext()) }
    #expect(wanted.description.contains("model.options.rate"))
  }

  @Test func theTextTowerIsAskedForByNameWhereItIsMissing() throws {
    var configuration = ModelConfiguration()
    configuration.method = MethodChoice(Other.self)
    func model() throws -> SegmentationModel {
      try SegmentationModel(
        configuration, text: someText(width: 6), towerWidths: [5], gridStride: 4, seed: 1)
    }
    #expect(throws: MethodError.needsTextTower(method: "own")) { try model() }
    configuration.method = MethodChoice(Own.self)
    #expect(try #require(try model().method as? Own).hasText == false)
  }

  @Test func aMethodThatReplacesTheHeadMustDecode() throws {
    final class Headless: SegmentationMethod, ConfigurableMethod {
      static let name = "headless"
      static let summary = "forgets to decode"
      static func traits(_ options: NoOptions) -> MethodTraits {
        var traits = MethodTraits()
        traits.replacesHead = true
        return traits
      }
      init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }
    }
    var configuration = ModelConfiguration()
    configuration.method = MethodChoice(Headless.self)
    let model = try SegmentationModel(
      configuration, text: someText(width: 6), towerWidths: [5], gridStride: 4, seed: 1)
    let encoded = EncodedImages(dense: try .zeros([1, 2, 2, 6]), image: try .zeros([1, 6]), layers: [])
    #expect(throws: MethodError.doesNotDecode(method: "headless")) {
      try model(images: .zeros([1, 3, 8, 8]), encoded: encoded)
    }
  }
}
