#!/bin/sh
# A straight line y = slope * t at t = 1 ... 10 with unit noise, drawn from a seed, into a .npy file.
#
#     sh line.sh SEED SLOPE OUT.npy
#
# It needs a shell and awk alone. The Fisher information about the slope is the sum of t^2, 385.
set -eu
seed=$1 slope=$2 out=$3

# awk prints the file byte by byte as \0NNN, which printf turns into bytes: 80 of header, then float64, little-endian.
bytes=$(LC_ALL=C awk -v seed="$seed" -v slope="$slope" '
    # A standard normal number, by Box and Muller.
    function normal() {
        return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand())
    }

    function byte(b) {
        printf "\\0%03o", b
    }

    # Sign, 11 bits of exponent and 52 of mantissa, the lowest byte first.
    function double(x,    sign, exponent, k) {
        sign = x < 0
        if (sign) x = -x
        if (x == 0) {
            for (k = 0; k < 8; k++) byte(0)
            return
        }
        exponent = 1023
        while (x >= 2) { x /= 2; exponent++ }
        while (x < 1) { x *= 2; exponent-- }
        x = (x - 1) * 2 ^ 52
        for (k = 0; k < 6; k++) { byte(x % 256); x = int(x / 256) }
        byte(x + exponent % 16 * 16)
        byte(int(exponent / 16) + sign * 128)
    }

    BEGIN {
        header = "{\047descr\047: \047<f8\047, \047fortran_order\047: False, \047shape\047: (10,)}"
        printf "\\0223NUMPY\\0001\\0000F\\0000"     # version 1, F = 70 bytes of header follow
        printf "%-69s\\n", header
        srand(seed)
        for (k = 0; k < 10; k++) rand()
        for (t = 1; t <= 10; t++) double(slope * t + normal())
    }')
printf '%b' "$bytes" > "$out"
