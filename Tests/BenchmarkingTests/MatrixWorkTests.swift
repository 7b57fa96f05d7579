import Testing

@testable import Benchmarking

@Suite struct MatrixWorkTests {
  @Test func theOperationsOfTheBaseTransformerAreThePublishedOnes() {
    // 17.6 thousand million multiply-adds are commonly stated for 224 pixels; twice that here.
    let vision = Geometry.baseline.configuration.vision
    let operations = MatrixWork.operations(vision, projection: 512)
    #expect(abs(operations / 35.1e9 - 1) < 0.01)
  }

  @Test func theOperationsOfCLIPsResNetAreOfTheKnownSize() {
    let vision = Geometry.resNet.configuration.vision
    let operations = MatrixWork.operations(vision, projection: 1024)
    #expect((10e9..<14e9).contains(operations))
  }

  @Test(arguments: [(Geometry.convNeXt, 4_454_763_264.0, 768.0), (.efficientNet, 383_907_552, 1280)])
  func theOperationsOfTrunksAreThoseOfTimm(_ geometry: Geometry, multiplyAdds: Double, features: Double) {
    // The products of timm's convolutions and linear layers at 224 pixels, without a classifier, counted by hooks.
    let operations = MatrixWork.operations(geometry.configuration.vision, projection: 512)
    #expect(abs(operations / 2 / (multiplyAdds + features * 512) - 1) < 1e-3, "\(operations / 2)")
  }

  @Test func aMemoryProbeReadsBackFromItsText() throws {
    let probe = MemoryProbe(work: .encode, geometry: "vit-b-16", precision: .bfloat16)
    let read = try #require(MemoryProbe(probe.text))
    #expect(read.text == "encode:vit-b-16:bfloat16")
    #expect(MemoryProbe("encode:tiny") == nil)
    #expect(MemoryProbe("encode:tiny:float7") == nil)
    #expect(MemoryProbe("train:lite0:bfloat16:last-2:16")?.text == "train:lite0:bfloat16:last-2:16")
    for wrong in ["train:lite0:bfloat16", "train:lite0:bfloat16:half:16", "train:lite0:bfloat16:all:0"] {
      #expect(MemoryProbe(wrong) == nil)
    }
  }
}
