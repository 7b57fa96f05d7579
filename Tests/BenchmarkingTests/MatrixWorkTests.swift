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

  @Test(arguments: [(Geometry.convNeXt, 4.47e9), (.efficientNet, 0.407e9)])
  func theOperationsOfTrunksAreThePublishedOnes(_ geometry: Geometry, multiplyAdds: Double) {
    // timm's table of models states multiply-adds for 224 pixels.
    let operations = MatrixWork.operations(geometry.configuration.vision, projection: 512)
    #expect(abs(operations / 2 / multiplyAdds - 1) < 0.03, "\(operations / 2)")
  }

  @Test func aMemoryProbeReadsBackFromItsText() throws {
    let probe = MemoryProbe(work: .encode, geometry: "vit-b-16", precision: .bfloat16)
    let read = try #require(MemoryProbe(probe.text))
    #expect(read.text == "encode:vit-b-16:bfloat16")
    #expect(MemoryProbe("encode:tiny") == nil)
    #expect(MemoryProbe("encode:tiny:float7") == nil)
  }
}
