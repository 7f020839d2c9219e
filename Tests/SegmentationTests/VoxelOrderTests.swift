import Testing

@testable import Segmentation

@Suite struct VoxelOrderTests {
    @Test func lettersAreOneOfEachPair() {
        for good in ["RAS", "LPS", "rsa", "PSR", "SAL", "LIP"] { #expect(VoxelOrder(good)?.description == good.uppercased()) }
        for bad in ["", "RA", "RRS", "RLS", "RASA", "XYZ", "R?S", "???", "RAI "] { #expect(VoxelOrder(bad) == nil) }
    }

    /// A volume of 2 slices, 3 rows, 4 columns whose voxels encode their place, compared with
    /// numpy's flips and transpositions by hand.
    @Test func turnsAreTranspositionsAndFlips() throws {
        let shape = VolumeShape(depth: 2, height: 3, width: 4)
        let voxels = Array(0..<24)
        let ras = try #require(VoxelOrder("RAS"))
        // Reversed columns: v[:, :, ::-1].
        let las = ras.turn(to: try #require(VoxelOrder("LAS")))
        #expect(las.applied(to: voxels, shape) == (0..<24).map { $0 / 4 * 4 + 3 - $0 % 4 })
        #expect(las.applied(to: shape) == shape)
        // R, S, A exchanges rows and slices: v.transpose(1, 0, 2).
        let rsa = ras.turn(to: try #require(VoxelOrder("RSA")))
        #expect(rsa.applied(to: shape) == VolumeShape(depth: 3, height: 2, width: 4))
        #expect(rsa.applied(to: voxels, shape) == [0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7, 16, 17, 18, 19, 8, 9, 10, 11, 20, 21, 22, 23])
        #expect(rsa.applied(to: VoxelSpacing(depth: 5, height: 2, width: 1)) == VoxelSpacing(depth: 2, height: 5, width: 1))
        #expect(ras.turn(to: ras).isIdentity)
    }

    /// All 48 orders, there and back.
    @Test func everyTurnCanBeUndone() throws {
        let shape = VolumeShape(depth: 2, height: 3, width: 4)
        let voxels = (0..<24).map { UInt8($0) }
        var orders: [VoxelOrder] = []
        for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..<8 {
                let letters = axes.map { axis in Array(["RL", "AP", "SI"][axis])[signs >> axis & 1] }
                orders.append(try #require(VoxelOrder(String(letters))))
            }
        }
        #expect(Set(orders).count == 48)
        for from in orders {
            for to in [orders[0], orders[13], orders[47]] {
                let turn = from.turn(to: to)
                let turned = turn.applied(to: voxels, shape)
                #expect(turn.inverse.applied(to: turned, turn.applied(to: shape)) == voxels)
                #expect(turn.inverse == to.turn(to: from))
            }
        }
    }

    /// numpy's moveaxis(v, axis - 1, 0).
    @Test func slicesComeFirst() {
        let shape = VolumeShape(depth: 2, height: 3, width: 4)
        let voxels = Array(0..<24)
        #expect(VolumeTurn.slicesFirst(axis: 1).isIdentity)
        let second = VolumeTurn.slicesFirst(axis: 2)
        #expect(second.applied(to: shape) == VolumeShape(depth: 3, height: 2, width: 4))
        #expect(second.applied(to: voxels, shape).prefix(8) == [0, 1, 2, 3, 12, 13, 14, 15])
        let third = VolumeTurn.slicesFirst(axis: 3)
        #expect(third.applied(to: shape) == VolumeShape(depth: 4, height: 2, width: 3))
        #expect(third.applied(to: voxels, shape).prefix(6) == [0, 4, 8, 12, 16, 20])
        #expect(third.inverse.applied(to: third.applied(to: voxels, shape), third.applied(to: shape)) == voxels)
    }
}
